import os
import threading

from edgevision_runtime.quiet import without_native_chatter


def native_chatter():
    """As a C++ library writes it: to the descriptor, not to sys.stderr."""
    with without_native_chatter():
        os.write(2, b"chatter\n")
    os.write(2, b"said afterwards\n")


def test_what_a_library_chats_in_the_main_thread_is_hidden(capfd):
    native_chatter()

    assert capfd.readouterr().err == "said afterwards\n"


def test_another_thread_takes_stderr_away_from_nobody(capfd):
    thread = threading.Thread(target=native_chatter)
    thread.start()
    thread.join()

    assert capfd.readouterr().err == "chatter\nsaid afterwards\n"
