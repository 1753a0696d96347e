"""Each system call of the store fails in turn, or is cut short: what was reported as synced is
there when the data is opened again, and nothing that was never appended.
"""

from __future__ import annotations

import errno
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chat.core.replication.leadership import NO_VIEW, ChangeKind, View, ViewNumber
from chat.core.replication.messages import (
    EntryRecord,
    InstallRecord,
    Position,
    PromiseRecord,
    Record,
)
from chat.server.data_files import StoreError
from chat.server.journal_writer import WriterStopped
from chat.server.store import PersistentStore
from tests.server.disk_calls import BY_DESCRIPTOR, BY_PATH, DiskCalls
from tests.server.test_store import (
    ONE,
    VIEW,
    entry,
    first_records,
    reopen,
    state_at,
    text,
)

# A loss of power is played; no disk has to be waited for.
pytestmark = pytest.mark.usefixtures("no_syncs")

NEXT = View(ViewNumber(2, 1), dict(VIEW.members), VIEW.cluster_id)
# How the call of a number goes wrong. "cut": a write takes half of its bytes; "full": and the
# next one takes none.
FAULTS = {
    "EIO": errno.EIO,
    "ENOSPC": errno.ENOSPC,
    "EROFS": errno.EROFS,
    "EMFILE": errno.EMFILE,
    "cut": 0,
    "full": errno.ENOSPC,
}


class Calls(DiskCalls):
    """The system calls about files in `folder`, counted; the one of number `at` goes wrong."""

    def __init__(self, folder: Path, at: int = -1, fault: str = "EIO") -> None:
        super().__init__(folder)
        self._at = at
        self._fault = fault
        self._lock = threading.Lock()
        self._fails_next = False
        self.names: list[str] = []

    def on_call(self, name: str, subject: Any, rest: tuple[Any, ...], real: Any) -> Any:
        with self._lock:
            is_due = len(self.names) == self._at
            self.names.append(name)
            fails_now, self._fails_next = self._fails_next, False
        cuts = is_due and name == "write" and self._fault in ("cut", "full")
        if fails_now or (is_due and self._fault not in ("cut", "full")):
            if name == "close":
                real()
            number = FAULTS[self._fault]
            raise OSError(number, os.strerror(number))
        if cuts:
            self._fails_next = self._fault == "full"
            data = memoryview(rest[0])
            return real(data[: (len(data) + 1) // 2])
        return real()


@dataclass
class Told:
    """What a leader may have told others, because its store had said so."""

    last: int = 0
    promised: ViewNumber = NO_VIEW
    appended: int = 0
    refusal: str = ""
    failures: list[OSError] = field(default_factory=list)


class Leader:
    """Does with its store what a leader does, for as long as the store takes part."""

    def __init__(self, folder: Path) -> None:
        self.told = Told()
        self._ended = threading.Event()
        self._store = PersistentStore(folder, 1, self._failed)

    def _failed(self, error: OSError) -> None:
        self.told.failures.append(error)
        self._ended.set()

    def live(self) -> Told:
        try:
            self._store.open()
        except StoreError as error:
            self.told.refusal = str(error)
            return self.told
        with suppress(OSError, WriterStopped):
            self._work()
        with suppress(OSError):
            self._store.close()
        return self.told

    def _work(self) -> None:
        store = self._store
        self._append(first_records(6))
        store.fold(state_at(5).snapshot(), 5)
        store.wait_for_fold()
        self._append([EntryRecord(entry(7), 6), PromiseRecord(NEXT, ChangeKind.SHRINK)])
        self._append([InstallRecord(NEXT, ChangeKind.SHRINK, Position(7, ONE), 7)])
        self.told.appended = 12
        store.replace(state_at(12), Position(12, ONE))
        self.told.last = 12
        self._append([EntryRecord(entry(13), 12), EntryRecord(entry(14), 13)])
        store.fold(state_at(13).snapshot(), 13)
        store.wait_for_fold()
        self._append([EntryRecord(entry(15), 14)])

    def _append(self, records: list[Record]) -> None:
        done = threading.Event()
        last = max((r.entry.index for r in records if isinstance(r, EntryRecord)), default=0)
        views = [
            record.view.number
            for record in records
            if isinstance(record, (PromiseRecord, InstallRecord))
        ]

        def synced() -> None:
            self.told.last = max(self.told.last, last)
            self.told.promised = max([self.told.promised, *views])
            done.set()
            self._ended.set()

        self.told.appended = max(self.told.appended, last)
        if not self.told.failures:
            self._ended.clear()
            self._store.append(records, synced)
            assert self._ended.wait(10)
        if self.told.failures:
            raise self.told.failures[0]


def calls_of_a_life(folder: Path) -> list[str]:
    with Calls(folder).watched() as calls:
        told = Leader(folder).live()
    assert (told.last, told.refusal, told.failures) == (15, "", [])
    return calls.names


def check(folder: Path, told: Told, exactly: bool) -> None:
    recovered = reopen(folder)
    durable = recovered.durable
    assert told.last <= durable.last.index <= (told.last if exactly else told.appended)
    assert durable.promised.number >= told.promised
    assert text(recovered.state) == text(state_at(durable.commit))
    assert {path.suffix for path in folder.iterdir()} == {".json", ".journal", ".lock"}


def test_the_life_of_a_leader_makes_every_call_that_may_fail(tmp_path: Path) -> None:
    names = calls_of_a_life(tmp_path / "data")
    assert set(names) == {*BY_PATH, *BY_DESCRIPTOR, "Path.open"}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_call_fails_what_was_synced_is_there(tmp_path: Path, fault: str) -> None:
    names = calls_of_a_life(tmp_path / "whole")
    wanted = {"cut": ["write"], "full": ["write"], "EMFILE": ["open", "Path.open"]}
    places = [n for n, name in enumerate(names) if name in wanted.get(fault, names)]
    assert len(places) >= 10
    for place in places:
        folder = tmp_path / f"{place}"
        with Calls(folder, place, fault).watched():
            told = Leader(folder).live()
        what = f"call {place}, {names[place]}"
        try:
            if fault == "cut":
                assert (told.last, told.failures, told.refusal) == (15, [], ""), what
            if told.refusal:
                assert told.refusal.startswith(str(folder)), what
                assert told.refusal.endswith("."), what
            check(folder, told, exactly=names[place] == "fdatasync")
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}") from error
