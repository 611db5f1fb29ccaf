"""Names survive everything: a kill, an undo, another program, a hand in names.csv."""

import json

import numpy as np
import pytest

from edgevision.discovery.naming.names import REJECTED
from edgevision.discovery.naming.store import JOURNAL, NAMES, NamingStore
from edgevision_runtime.errors import DataError, UsageError
from tests.edgevision.discovery.naming.clusters import heaps

VECTORS, ASSIGNMENT = heaps()


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path)


def open_store(folder):
    return NamingStore(folder, ASSIGNMENT, VECTORS)


def csv_of(store):
    return store.names_path.read_text()


def test_several_clusters_may_bear_one_name_and_names_csv_says_so_at_once(store):
    store.name([0, 2], "cat")

    assert csv_of(store) == "cluster,size,name\n0,12,cat\n1,10,\n2,8,cat\n"
    assert store.state.used_names == {"cat": 2}


def test_names_are_there_again_when_the_folder_is_opened_anew(store, tmp_path):
    store.name([0], "cat")
    store.reject(1)

    again = open_store(tmp_path)

    assert again.state.names == {0: "cat", 1: REJECTED, 2: ""}
    assert not again.notices


def test_a_known_name_is_taken_with_its_capitals(store):
    store.name([0], "Cat")
    store.name([1], "cAT")

    assert store.state.names[1] == "Cat"


def test_merging_gives_the_other_clusters_name_and_needs_one(store):
    store.name([0], "cat")
    store.merge(1, 0)

    assert store.state.names[1] == "cat"
    with pytest.raises(UsageError, match="cluster 2 has no name"):
        store.merge(1, 2)


def test_a_split_cluster_gives_parts_new_numbers_and_leaves_the_others_theirs(store, tmp_path):
    store.name([0, 1, 2], "cat")

    parts = store.split(1, 2)

    assert parts == [3, 4]
    assert sorted(store.state.members) == [0, 2, 3, 4]
    joined = np.sort(np.concatenate([store.state.members[part] for part in parts]))
    assert joined.tolist() == list(range(12, 22))
    assert store.state.names == {0: "cat", 2: "cat", 3: "", 4: ""}
    assert store.state.by_size == [0, 3, 4, 2]
    assert open_store(tmp_path).state.members[3].tolist() == store.state.members[3].tolist()


def test_a_part_can_be_split_again_and_all_of_it_undone(store):
    store.name([1], "cat")
    store.split(1, 2)
    store.split(3, 2)

    store.undo()
    store.undo()

    assert store.state.names == {0: "", 1: "cat", 2: ""}
    assert csv_of(store) == "cluster,size,name\n0,12,\n1,10,cat\n2,8,\n"


def test_what_cannot_be_split_is_refused_and_nothing_changes(store, tmp_path):
    with pytest.raises(UsageError, match="expected 2 to 4"):
        store.split(0, 5)
    same = NamingStore(tmp_path / "same", np.zeros(4, int), np.ones((4, 2), np.float32))
    with pytest.raises(UsageError, match="all alike"):
        same.split(0, 2)
    with pytest.raises(UsageError, match="no cluster 9"):
        store.split(9, 2)

    assert not store.can_undo


def test_undo_and_redo_go_back_and_on_also_after_opening_anew(store, tmp_path):
    store.name([0], "cat")
    store.name([1], "dog")
    store.undo()

    again = open_store(tmp_path)

    assert again.state.names == {0: "cat", 1: "", 2: ""}
    assert again.can_redo == "named 1 “dog”"
    again.redo()
    assert again.state.names[1] == "dog"
    with pytest.raises(UsageError, match="nothing to redo"):
        again.redo()


def test_a_new_action_after_an_undo_forgets_what_was_undone(store):
    store.name([0], "cat")
    store.undo()
    store.name([0], "dog")

    assert not store.can_redo


def test_naming_the_same_again_is_no_action(store):
    store.name([0], "cat")
    store.name([0], "cat")
    store.undo()

    assert store.state.names[0] == ""


def test_a_picture_is_left_out_and_taken_back(store):
    store.leave_out(3)
    store.leave_out(5)
    store.leave_out(3)

    assert store.state.left_out == {5}


def test_what_a_hand_wrote_into_names_csv_is_taken_over_said_and_can_be_undone(store):
    store.name([0], "cat")
    store.names_path.write_text("cluster,size,name\n0,12,cow\n1,10,dog\n2,8,\n")

    store.name([2], "hen")

    assert store.state.names == {0: "cow", 1: "dog", 2: "hen"}
    assert store.notices == ["names.csv was edited by hand: 2 names taken over"]
    store.undo()
    store.undo()
    assert store.state.names == {0: "cat", 1: "", 2: ""}


def test_names_filled_in_before_the_first_start_are_taken_over(tmp_path):
    (tmp_path / NAMES).write_text("cluster,size,name\n0,12,cat\n1,10,\n2,8,\n")

    assert open_store(tmp_path).state.names[0] == "cat"


def test_a_broken_names_csv_is_said_and_not_written_over(store):
    store.name([0], "cat")
    store.names_path.write_text("cluster,size,name\n0,12,a/b\n")

    with pytest.raises(DataError, match="line 2"):
        store.name([1], "dog")

    assert csv_of(store) == "cluster,size,name\n0,12,a/b\n"


def test_names_csv_that_was_deleted_is_written_again(store):
    store.name([0], "cat")
    store.names_path.unlink()

    store.refresh()

    assert "0,12,cat" in csv_of(store)


def test_a_kill_between_journal_and_names_csv_loses_nothing(store, tmp_path):
    store.name([0], "cat")
    before = csv_of(store)
    store.name([0], "dog")
    lines = store.journal_path.read_text().splitlines(keepends=True)
    assert "saved" in lines[-1]
    store.journal_path.write_text("".join(lines[:-1]))
    store.names_path.write_text(before)

    again = open_store(tmp_path)

    assert again.state.names[0] == "dog"
    assert "0,12,dog" in csv_of(again)


def test_a_line_that_a_kill_cut_off_is_taken_away(store, tmp_path):
    store.name([0], "cat")
    with store.journal_path.open("a") as file:
        file.write('{"at": "2026-11-20T10:00:00Z", "do": "na')

    again = open_store(tmp_path)
    again.name([1], "dog")

    assert again.state.names == {0: "cat", 1: "dog", 2: ""}
    assert all(json.loads(line) for line in again.journal_path.read_text().splitlines())


def test_two_programs_on_one_folder_see_each_others_names(store, tmp_path):
    other = open_store(tmp_path)
    other.name([0], "cat")

    store.name([1], "dog")

    assert store.state.names == {0: "cat", 1: "dog", 2: ""}
    assert store.notices == ["another program named clusters: read again"]
    other.refresh()
    assert other.state.names[1] == "dog"


def test_a_journal_of_other_clusters_is_refused(store, tmp_path):
    store.name([0], "cat")

    with pytest.raises(DataError, match="other clusters"):
        NamingStore(tmp_path, ASSIGNMENT[::-1].copy(), VECTORS)


def test_a_broken_journal_is_refused_with_its_line(store, tmp_path):
    store.name([0], "cat")
    lines = (tmp_path / JOURNAL).read_text().splitlines()
    (tmp_path / JOURNAL).write_text("\n".join([lines[0], "{", *lines[1:]]) + "\n")

    with pytest.raises(DataError, match="line 2"):
        open_store(tmp_path)
