"""CSV files have one kind of line end everywhere, and hold what a name may hold."""

from edgevision.csv_file import write_csv


def test_a_row_is_a_line_and_a_comma_is_quoted(tmp_path):
    write_csv(tmp_path / "names.csv", ("cluster", "name"), [[0, "cat, grey"], [1, "Köter"]])

    assert (tmp_path / "names.csv").read_bytes() == 'cluster,name\n0,"cat, grey"\n1,Köter\n'.encode()
