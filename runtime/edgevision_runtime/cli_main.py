"""How a command ends: the exit code, one line for an expected failure, a clean stop for SIGTERM and Ctrl-C."""

from __future__ import annotations

import atexit
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import click

from edgevision_runtime.atomic import CANNOT_WRITE
from edgevision_runtime.errors import EdgeVisionError, UsageError, did_you_mean
from edgevision_runtime.redact import redact

INTERRUPTED = 130
READER_GONE = 141  # as the shell says of a process that SIGPIPE ended
INTERNAL_ERROR = 70
HUNG_CAPTURE_S = 0.3  # how long the end waits for a capture that hangs in a library


class SuggestingGroup(click.Group):
    """A group that answers a typo with "did you mean", which older versions of click do not."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but a verb that does not exist is named together with the nearest one."""
        verbs = self.list_commands(ctx)
        if args and args[0] not in verbs and not args[0].startswith("-"):
            ctx.fail("; ".join(filter(None, [f"no such verb {args[0]!r}", did_you_mean(args[0], verbs)])))
        return super().resolve_command(ctx, args)


def run_command(command: click.Command, name: str) -> int:
    """Run a click command; returns the exit code of the design's table."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        result = command.main(prog_name=name, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(file=shown)
        click.echo(redact(shown.getvalue()), err=True, nl=False)
        return 2
    except EdgeVisionError as error:
        click.echo(f"error: {redact(str(error))}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except SystemExit:  # click's answer to a closed pipe, whatever the verb had to say
        return READER_GONE
    except OSError as error:
        if error.errno not in CANNOT_WRITE:
            return _internal_error(error, name)
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"error: {redact(where)}{error.strerror}", err=True)
        return UsageError.exit_code
    except Exception as error:  # noqa: BLE001 - the outermost frame: a fault of ours, shown whole, exit 70
        return _internal_error(error, name)
    finally:
        _close_stdout()


def say(text: str) -> None:
    """Print a result; a reader that has gone (`| head`) does not change how the command ends."""
    try:
        click.echo(text)
    except BrokenPipeError:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process


def _close_stdout() -> None:
    """Flush now: what Python finds at exit, such as a full disk or a closed pipe, it would tell in its own words."""
    if sys.stdout is None:  # started with stdout closed
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _internal_error(error: Exception, name: str) -> int:
    import traceback

    traceback.print_exception(type(error), error, error.__traceback__)  # Python 3.9 wants all three
    click.echo(f"internal error: {error}; this is a fault in {name}, please report the lines above", err=True)
    return INTERNAL_ERROR


def end_process(code: int) -> NoReturn:
    """End with this exit code, also where a normal exit would abort.

    So it does while a capture or a sink hangs in OpenCV, and now and then when Ctrl-C ends a training: threads of
    TensorFlow that still compute come back to an interpreter that is being taken apart.
    """
    feed, queued, swap = (
        sys.modules.get(f"edgevision_runtime.{name}") for name in ("cameras.feed", "sinks.queued", "swap")
    )
    is_capture_hung = feed is not None and not feed.end_captures(HUNG_CAPTURE_S)
    is_proving = swap is not None and swap.is_busy()
    if is_capture_hung or is_proving or (queued is not None and queued.is_any_left_behind()):
        _leave(code)
    if code == INTERRUPTED:
        atexit._run_exitfuncs()
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # None: started with it closed
            with suppress(OSError):
                stream.flush()
    os._exit(code)


class Stop(threading.Event):
    """Set when SIGTERM or Ctrl-C asks a loop to end after the frame it is at."""

    is_interrupt = False  # it was Ctrl-C
    reload: Callable[[], None] | None = None  # what SIGHUP calls; before there is something, it is not heeded


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Yield an event that SIGTERM and the first Ctrl-C set; a second Ctrl-C interrupts at once."""
    stop = Stop()

    def ask(signum: int, frame: object) -> None:
        if stop.is_set() and signum == signal.SIGINT:
            raise KeyboardInterrupt
        stop.is_interrupt = signum == signal.SIGINT
        stop.set()

    def hang_up(signum: int, frame: object) -> None:
        if stop.reload is not None:
            stop.reload()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, hang_up)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(signum: int, frame: object) -> None:
    raise KeyboardInterrupt
