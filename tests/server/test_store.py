"""PersistentStore on real files: recovery, refusals, group commit, folding, snapshots."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from chat.core import limits
from chat.core.files.document import FORMAT
from chat.core.files.journal import decode_record, encode_line
from chat.core.replication.leadership import ChangeKind, View, ViewNumber
from chat.core.replication.messages import (
    Entry,
    EntryRecord,
    InstallRecord,
    Position,
    PromiseRecord,
    Record,
    StartRecord,
)
from chat.core.state.chat_state import ChatState
from chat.core.state.operations import Operation
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.register_user import RegisterUser
from chat.server.data_files import StoreError
from chat.server.snapshots import read_snapshot
from chat.server.store import PersistentStore, Recovered

ONE = ViewNumber(1, 1)
VIEW = View(ONE, {1: 11, 2: 22}, "c1")
TWO = View(ViewNumber(2, 1), {1: 11}, "c1")


def operation(index: int) -> Operation:
    if index <= 2:
        return RegisterUser(("ann", "bob")[index - 1], "hash", f"r{index}", index)
    return PostMessage(f"m{index}", "ann", "bob", f"text {index}", index)


def entry(index: int, view: ViewNumber = ONE) -> Entry:
    return Entry(index, view, operation(index))


def no_failure(error: OSError) -> None:
    raise AssertionError(error)


def text(state: ChatState) -> str:
    return "\n".join(state.snapshot().json_lines())


def state_at(index: int) -> ChatState:
    state = ChatState()
    for place in range(1, index + 1):
        state.apply(operation(place))
    return state


def write(store: PersistentStore, records: list[Record]) -> None:
    """Appends and waits until they are on disk."""
    synced = threading.Event()
    store.append(records, synced.set)
    assert synced.wait(10)


def first_records(count: int) -> list[Record]:
    entries = [EntryRecord(entry(index), index - 1) for index in range(1, count + 1)]
    return [InstallRecord(VIEW, ChangeKind.COLD, Position(), 0), *entries]


def reopen(folder: Path, server_id: int = 1) -> Recovered:
    store = PersistentStore(folder, server_id, no_failure)
    recovered = store.open()
    store.close()
    return recovered


def refusal(folder: Path, server_id: int = 1) -> str:
    before = {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.endswith(".lock")}
    store = PersistentStore(folder, server_id, no_failure)
    with pytest.raises(StoreError) as caught:
        store.open()
    after = {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.endswith(".lock")}
    assert after == before, "a refusal overwrites nothing"
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(folder: Path) -> Iterator[PersistentStore]:
    store = PersistentStore(folder, 1, no_failure)
    store.open()
    yield store
    store.close()


# --- recovery -----------------------------------------------------------------------------


def test_a_first_start_is_empty_and_private(folder: Path) -> None:
    recovered = reopen(folder)
    assert recovered.durable.last == Position()
    assert text(recovered.state) == text(ChatState())
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}


def test_a_folder_that_was_there_keeps_its_mode(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    reopen(folder)
    assert folder.stat().st_mode & 0o777 == 0o755
    assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}


def test_what_was_synced_comes_back(store: PersistentStore, folder: Path) -> None:
    write(store, first_records(6))
    store.close()
    recovered = reopen(folder)
    durable = recovered.durable
    assert (durable.commit, durable.last) == (5, Position(6, ONE))
    assert durable.installed == durable.promised == VIEW
    assert durable.entries == tuple(entry(index) for index in range(1, 7))
    assert text(recovered.state) == text(state_at(5))


@pytest.mark.usefixtures("no_syncs")
def test_every_prefix_of_the_journal_recovers(store: PersistentStore, folder: Path) -> None:
    header = store.journal.read_bytes()
    write(store, first_records(5))
    store.close()
    data = store.journal.read_bytes()
    for length in range(len(header), len(data) + 1):
        store.journal.write_bytes(data[:length])
        recovered = reopen(folder)
        lines = data[:length].count(b"\n") - 2  # the journal's header, and that it was opened
        assert recovered.durable.last.index == max(0, lines - 1)
        assert text(recovered.state) == text(state_at(recovered.durable.commit))
        whole = data[: data.rfind(b"\n", 0, length) + 1]
        read, torn = store.journal.read_bytes(), "the torn line is cut off"
        assert read[: len(whole)] == whole, torn
        assert decode_record(read[len(whole) :]) == StartRecord(recovered.durable.disk), torn


def test_writing_goes_on_after_a_torn_line(store: PersistentStore, folder: Path) -> None:
    write(store, first_records(4))
    store.close()
    with store.journal.open("ab") as journal:
        journal.write(b'{"crc":"torn')
    again = PersistentStore(folder, 1, no_failure)
    again.open()
    write(again, [EntryRecord(entry(5), 4)])
    again.close()
    assert reopen(folder).durable.last == Position(5, ONE)


# --- refusals -----------------------------------------------------------------------------


@pytest.mark.usefixtures("no_syncs")
def test_every_flipped_byte_is_refused(store: PersistentStore, folder: Path) -> None:
    write(store, first_records(4))
    store.close()
    for path in (store.journal, store.file):
        data = path.read_bytes()
        for place in range(len(data) - 1):
            damaged = bytearray(data)
            damaged[place] ^= 1
            path.write_bytes(damaged)
            lines = data.count(b"\n", 0, place) + 1
            sentence = refusal(folder)
            assert str(path) in sentence
            if path == store.journal:
                assert f"line {lines} " in sentence
        path.write_bytes(data)
    reopen(folder)


def test_another_servers_files_are_refused(store: PersistentStore, folder: Path) -> None:
    store.close()
    for path in (store.file, store.journal):
        shutil.copy(path, folder / path.name.replace("_1", "_2"))
    assert "belongs to server 1, not to server 2" in refusal(folder, 2)


def test_a_newer_format_is_refused(store: PersistentStore, folder: Path) -> None:
    store.close()
    ours, newer = b'"format": %d' % FORMAT, b'"format": %d' % (FORMAT + 1)
    store.file.write_bytes(store.file.read_bytes().replace(ours, newer))
    assert f"format {FORMAT + 1} is newer" in refusal(folder)


@pytest.mark.parametrize("name", ["journal", "format", "server_id"])
@pytest.mark.parametrize("value", [None, "1", 1.5, -1, []])
def test_a_journal_header_of_wrong_types_is_refused(
    store: PersistentStore, folder: Path, name: str, value: object
) -> None:
    store.close()
    header = {"journal": 1, "format": 1, "server_id": 1, name: value}
    store.journal.write_bytes(encode_line(header))
    assert f"{store.journal} line 1 is damaged (a whole number was expected)" in refusal(folder)


@pytest.mark.parametrize("name", ["file", "journal"])
def test_a_missing_half_is_refused(store: PersistentStore, folder: Path, name: str) -> None:
    write(store, first_records(1))
    store.close()
    getattr(store, name).unlink()
    assert "is missing beside" in refusal(folder)


def test_a_journal_of_another_time_is_refused(store: PersistentStore, folder: Path) -> None:
    write(store, first_records(3))
    old = store.journal.read_bytes()
    for _ in range(2):
        store.fold(state_at(3).snapshot(), 3)
        store.wait_for_fold()
    store.close()
    store.journal.write_bytes(old)
    assert "does not belong to its file" in refusal(folder)


def test_a_second_process_is_refused(store: PersistentStore, folder: Path) -> None:
    assert f"another process ({os.getpid()}) already serves as server 1" in refusal(folder)
    (folder / "users_1.lock").write_bytes(b"")
    assert "another process already serves as server 1" in refusal(folder)


def test_a_full_disk_is_refused_at_the_start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STORE_FREE_BYTES_MIN", 2**80)
    folder.mkdir()
    assert "the disk is full" in refusal(folder)


# --- writing ------------------------------------------------------------------------------


def test_one_sync_serves_all_that_waits(
    store: PersistentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, release, syncs = threading.Event(), threading.Event(), []

    def slow_sync(descriptor: int) -> None:
        syncs.append(descriptor)
        entered.set()
        assert release.wait(10)

    monkeypatch.setattr(os, "fdatasync", slow_sync)
    order: list[int] = []
    done = threading.Event()
    records = first_records(50)
    store.append(records[:1], lambda: order.append(0))
    assert entered.wait(10)
    for place, record in enumerate(records[1:], 1):
        store.append([record], lambda place=place: order.append(place))  # type: ignore[misc]
    store.append([], done.set)
    release.set()
    assert done.wait(10)
    assert len(syncs) == 2
    assert order == list(range(51))


def test_a_failed_sync_is_reported_once_and_never_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[OSError] = []
    failed = threading.Event()
    syncs: list[int] = []

    def on_failure(error: OSError) -> None:
        failures.append(error)
        failed.set()

    def broken_sync(descriptor: int) -> None:
        syncs.append(descriptor)
        raise OSError(errno.EIO, "broken")

    store = PersistentStore(folder, 1, on_failure)
    store.open()
    monkeypatch.setattr(os, "fdatasync", broken_sync)
    synced: list[int] = []
    store.append(first_records(1), lambda: synced.append(1))
    assert failed.wait(10)
    store.append([EntryRecord(entry(2), 0)], lambda: synced.append(2))
    store.close()
    assert (len(failures), len(syncs), synced) == (1, 1, [])


# --- folding ------------------------------------------------------------------------------


def test_a_fold_keeps_everything_and_empties_the_journal(
    store: PersistentStore, folder: Path
) -> None:
    write(store, first_records(6))
    before = store.journal_bytes()
    store.fold(state_at(5).snapshot(), 5)
    store.wait_for_fold()
    assert store.journal_bytes() < before
    write(store, [EntryRecord(entry(7), 6), PromiseRecord(TWO, ChangeKind.SHRINK)])
    store.close()
    recovered = reopen(folder)
    assert recovered.durable.entries == (entry(6), entry(7))
    assert (recovered.durable.promised, recovered.durable.installed) == (TWO, VIEW)
    assert text(recovered.state) == text(state_at(6))
    document = json.loads(store.file.read_bytes())
    assert (document["format"], document["server_id"]) == (FORMAT, 1)
    assert document["position"]["index"] == 5


def test_writes_go_on_during_a_fold(
    store: PersistentStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, first_records(5))
    replaced, real = threading.Event(), os.replace

    def replace(source: Path, target: Path) -> None:
        if target == store.file:
            write(store, [EntryRecord(entry(6), 5)])
            replaced.set()
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    store.fold(state_at(5).snapshot(), 5)
    store.wait_for_fold()
    assert replaced.is_set()
    write(store, [EntryRecord(entry(7), 6)])
    store.close()
    recovered = reopen(folder)
    assert recovered.durable.entries == (entry(6), entry(7))
    assert text(recovered.state) == text(state_at(6))


def test_every_crash_point_of_a_fold_and_of_a_snapshot_recovers(
    store: PersistentStore, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes: list[Path] = []

    def copy_before_and_after(name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: object) -> None:
            for moment in ("before", "after"):
                crashes.append(tmp_path / f"crash{len(crashes)}-{moment}-{name}")
                shutil.copytree(folder, crashes[-1])
                if moment == "before":
                    real(*arguments)

        monkeypatch.setattr(os, name, call)

    write(store, first_records(6))
    copy_before_and_after("fsync")
    copy_before_and_after("replace")
    store.fold(state_at(5).snapshot(), 5)
    store.wait_for_fold()
    folds = len(crashes)
    store.replace(state_at(9), Position(9, ONE))
    monkeypatch.undo()
    assert folds >= 12
    assert len(crashes) >= folds + 12
    for place, crash in enumerate(crashes):
        recovered = reopen(crash)
        durable = recovered.durable
        assert text(recovered.state) == text(state_at(durable.commit))
        assert durable.installed == VIEW
        expected = {6} if place < folds else {6, 9}
        assert durable.last.index in expected
        assert not list(crash.glob("*.tmp"))


def test_a_fold_is_due_when_the_journal_outgrows_the_file(
    store: PersistentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, first_records(50))
    assert not store.fold_due()
    monkeypatch.setattr(limits, "JOURNAL_FOLD_BYTES_MIN", 1000)
    assert store.fold_due()
    store.fold(state_at(50).snapshot(), 50)
    store.wait_for_fold()
    assert not store.fold_due()


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """This process can open so many more files, and no more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = (n for n in range(10_000) if not Path(f"/dev/fd/{n}").exists())
    limit = next(islice(free, count, None))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("left", range(6))
def test_a_fold_that_gets_too_few_descriptors_is_put_off(
    store: PersistentStore,
    folder: Path,
    left: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(limits, "JOURNAL_FOLD_BYTES_MIN", 1)
    monkeypatch.setattr(limits, "JOURNAL_FOLD_RATIO", 0.0)
    write(store, first_records(5))
    before = store.journal_bytes()
    with descriptors_left(left):
        store.fold(state_at(4).snapshot(), 4)
        store.wait_for_fold()
        put_off = store.journal_bytes() == before
        assert store.fold_due() != put_off
        write(store, [EntryRecord(entry(6), 5)])
        assert store.fold_due(), "it is tried again once more has been written"
        store.fold(state_at(5).snapshot(), 5)
        store.wait_for_fold()
    assert put_off == (left < 3), "three at once are enough"
    assert len(caplog.messages) == put_off, "it is told once"
    write(store, [EntryRecord(entry(7), 6)])
    store.fold(state_at(6).snapshot(), 6)
    store.wait_for_fold()
    assert store.journal_bytes() < before
    store.close()
    assert reopen(folder).durable.last == Position(7, ONE)


# --- snapshots ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_received_snapshot_takes_the_place_of_the_log(
    store: PersistentStore, folder: Path, size: int
) -> None:
    write(store, first_records(4))
    document = b"".join(store.document_chunks(state_at(9).snapshot(), Position(9, ONE)))
    pieces = (document[start : start + size] for start in range(0, len(document), size))
    state, position = read_snapshot(pieces)
    assert position == Position(9, ONE)
    assert text(state) == text(state_at(9))
    store.replace(state, position)
    write(store, [EntryRecord(entry(10), 9)])
    store.close()
    durable = reopen(folder).durable
    assert (durable.commit, durable.installed, durable.entries) == (9, VIEW, (entry(10),))


def test_a_damaged_snapshot_is_refused(store: PersistentStore) -> None:
    pieces = list(store.document_chunks(state_at(9).snapshot(), Position(9, ONE)))
    document = b"".join(pieces)
    with pytest.raises(ValueError, match="checksum"):
        read_snapshot([document.replace(b"text 9", b"text 8")])
    with pytest.raises(ValueError, match="too soon"):
        read_snapshot([document[:-20]])
    with pytest.raises(ValueError, match="too soon"):
        read_snapshot([])


@pytest.mark.parametrize("left", range(6))
def test_a_snapshot_without_descriptors_changes_nothing(
    store: PersistentStore, folder: Path, left: int
) -> None:
    write(store, first_records(4))
    with descriptors_left(left):
        try:
            store.replace(state_at(9), Position(9, ONE))
        except OSError as error:
            assert error.errno == errno.EMFILE  # noqa: PT017
            assert left < 4
        else:
            assert left >= 4, "the two files and twice their folder"
    write(store, [EntryRecord(entry(5 if left < 4 else 10), 4)])
    store.close()
    assert reopen(folder).durable.last.index == (5 if left < 4 else 10)
