"""What may be a name, and names.csv as people and spreadsheets leave it."""

from pathlib import Path

import pytest

from edgevision.discovery.naming.names import Row, as_spelled, check_name, names_text, read_names
from edgevision_runtime.errors import DataError, UsageError

PATH = Path("names.csv")
SIZES = {0: 12, 1: 10, 2: 8}


def read(text):
    return read_names(text.encode(), PATH, SIZES)


def test_a_name_is_kept_without_blanks_around_it_and_with_composed_letters():
    assert check_name("  Lösung ") == check_name("Lo\u0308sung") == "Lösung"


@pytest.mark.parametrize("name", ["a/b", "-x", "?", "..", "what.", "x" * 61, "a\tb", "masks", "C:"])
def test_what_cannot_be_a_folder_of_a_data_set_is_no_name(name):
    with pytest.raises(UsageError, match="cannot be a name"):
        check_name(name)


def test_a_known_name_keeps_its_capitals():
    assert as_spelled("CAT", ["dog", "Cat"]) == "Cat"
    assert as_spelled("cow", ["dog", "Cat"]) == "cow"


def test_names_come_back_from_the_file_they_were_written_to():
    text = names_text([Row(0, 12, "cat"), Row(1, 10, "-"), Row(2, 8, "big, brown dog")])

    assert read(text) == {0: "cat", 1: "-", 2: "big, brown dog"}


def test_a_spreadsheets_semicolons_byte_order_mark_and_line_ends_are_understood():
    assert read("\ufeffcluster;size;name\r\n0;12;cat\r\n1;10;\r\n2;8;dog\r\n") == {0: "cat", 1: "", 2: "dog"}


def test_a_row_that_is_gone_is_not_named():
    assert read("cluster,size,name\n1,10,cat\n") == {0: "", 1: "cat", 2: ""}


def test_one_name_in_two_spellings_is_one_name():
    assert read("cluster,size,name\n0,12,Cat\n1,10,cat\n") == {0: "Cat", 1: "Cat", 2: ""}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cluster,size,name\n0,12,a/b\n", "line 2"),
        ("cluster,size,name\n0,12,a\n0,12,b\n", "line 3: cluster 0 stands there twice"),
        ("cluster,size,name\n7,12,a\n", "line 2: there is no cluster '7'"),
        ("cluster,size,name,note\n0,12,a,mine\n", "columns"),
        ("", "columns"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_with_its_line(text, said):
    with pytest.raises(DataError, match=said):
        read(text)
