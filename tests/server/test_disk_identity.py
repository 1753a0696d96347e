"""A data folder's identity: made once, counted at each start, kept by whatever rewrites it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from chat.core.replication.leadership import ChangeKind, View, ViewNumber
from chat.core.replication.messages import (
    Disk,
    Entry,
    EntryRecord,
    InstallRecord,
    Position,
    Record,
    SeenRecord,
)
from chat.core.state.chat_state import ChatState
from chat.core.state.operations import Operation
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.register_user import RegisterUser
from chat.server.store import PersistentStore, Recovered

OLD = Path(__file__).parent / "format_2"
ONE = ViewNumber(1, 1)
VIEW = View(ONE, {1: 11, 2: 22}, "c1")
SEEN = SeenRecord(2, 22, Disk(7, 3), ONE, ONE, 5)
OTHER = SeenRecord(3, 33, Disk(8, 1), ONE, ONE, 4)


def _fail(error: OSError) -> None:
    raise AssertionError(error)


def _write(store: PersistentStore, records: Sequence[Record]) -> None:
    done = threading.Event()
    store.append(records, done.set)
    assert done.wait(10)


def _entry(index: int) -> Entry:
    operation: Operation = PostMessage(f"m{index}", "ann", "bob", "text", index)
    if index <= 2:
        operation = RegisterUser(("ann", "bob")[index - 1], "hash", f"r{index}", index)
    return Entry(index, ONE, operation)


def _start(folder: Path) -> tuple[PersistentStore, Recovered]:
    store = PersistentStore(folder, 1, _fail)
    return store, store.open()


def _disk_of_a_start(folder: Path) -> Disk:
    store, recovered = _start(folder)
    store.close()
    return recovered.durable.disk


def test_each_folder_has_an_id_of_its_own_and_counts_its_starts(tmp_path: Path) -> None:
    first = [_disk_of_a_start(tmp_path / "one") for _ in range(3)]
    assert len({disk.id for disk in first}) == 1
    assert [disk.starts for disk in first] == [1, 2, 3]
    other = _disk_of_a_start(tmp_path / "other")
    assert other.starts == 1
    assert other.id not in (0, first[0].id)


def test_a_start_is_on_the_disk_before_anybody_hears_of_it(tmp_path: Path) -> None:
    """The folder is taken away right after it was opened, as a loss of power would leave it."""
    store, recovered = _start(tmp_path / "one")
    for name in ("users_1.json", "users_1.journal"):
        (tmp_path / "copy").mkdir(exist_ok=True)
        shutil.copy(tmp_path / "one" / name, tmp_path / "copy")
    store.close()
    disk = recovered.durable.disk
    assert _disk_of_a_start(tmp_path / "copy") == Disk(disk.id, disk.starts + 1)


@pytest.mark.parametrize("how", ["fold", "snapshot"])
def test_what_rewrites_the_files_keeps_it(tmp_path: Path, how: str) -> None:
    store, recovered = _start(tmp_path)
    _write(store, [InstallRecord(VIEW, ChangeKind.COLD, Position(), 0), SEEN, OTHER])
    _write(store, [EntryRecord(_entry(index), index - 1) for index in (1, 2)])
    state = ChatState()
    state.apply(_entry(1).operation)
    if how == "fold":
        store.fold(state.snapshot(), 1)
        store.wait_for_fold()
    else:
        state.apply(_entry(2).operation)
        store.replace(state, Position(2, ONE))
    store.close()
    again, found = _start(tmp_path)
    again.close()
    disk = recovered.durable.disk
    assert found.durable.disk == Disk(disk.id, disk.starts + 1)
    assert set(found.durable.seen) == {SEEN, OTHER}


def test_what_was_seen_of_one_that_was_let_in_since_is_forgotten(tmp_path: Path) -> None:
    store, _ = _start(tmp_path)
    _write(store, [InstallRecord(VIEW, ChangeKind.COLD, Position(), 0), SEEN, OTHER])
    newer = View(ViewNumber(2, 1), {1: 11, 2: 23}, "c1")
    _write(store, [InstallRecord(newer, ChangeKind.GROW, Position(), 0)])
    store.close()
    again, found = _start(tmp_path)
    again.close()
    assert found.durable.seen == (OTHER,)


def test_a_folder_of_the_version_before_gets_one(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(OLD, folder)
    store, recovered = _start(folder)
    durable, state = recovered.durable, recovered.state
    assert (durable.last, durable.commit, durable.promised.number) == (
        Position(3, ONE),
        2,
        ViewNumber(2, 1),
    )
    assert state.accounts.find("bob") is not None
    assert durable.disk.id
    assert durable.disk.starts == 1
    _write(store, [EntryRecord(_entry(4), 3)])
    state.apply(_entry(3).operation)
    store.fold(state.snapshot(), 3)
    store.wait_for_fold()
    store.close()
    assert _disk_of_a_start(folder) == Disk(durable.disk.id, 2)
