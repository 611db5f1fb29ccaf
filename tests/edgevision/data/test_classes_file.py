"""classes.txt names the classes in their order."""

from edgevision.data.classes_file import write_classes
from edgevision.data.dataset import open_dataset


def test_classes_are_read_as_they_were_written(class_folder):
    write_classes(class_folder, ["dog", "cat"])

    assert (class_folder / "classes.txt").read_bytes() == b"dog\ncat\n"
    assert open_dataset(class_folder).labels == ("dog", "cat")
