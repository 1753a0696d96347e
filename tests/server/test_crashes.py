"""After each system call of the store the power fails, or the process ends and later the power
fails: in every folder that may be left, a server finds all that was said to be on its disk, and
only what was written.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from chat.core import limits
from chat.core.replication.leadership import NO_VIEW, ChangeKind, View, ViewNumber
from chat.core.replication.messages import (
    Entry,
    EntryRecord,
    InstallRecord,
    Position,
    PromiseRecord,
    Record,
)
from chat.core.state.chat_state import ChatState
from chat.core.state.operations import Operation
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.register_user import RegisterUser
from chat.server import files, store
from chat.server.data_files import StoreError
from chat.server.store import PersistentStore, Recovered
from tests.server.power_loss import Disk, Folder, Recorder, Said, Wrote, moments, syncs

# A loss of power is played; no disk has to be waited for.
pytestmark = pytest.mark.usefixtures("no_syncs")

ONE, TWO, THREE = (View(ViewNumber(n, 1), {1: 11, 2: 22}, "c1") for n in (1, 2, 3))
DATA = "data"


@dataclass(frozen=True, slots=True)
class Held:
    """What a disk holds after some of the changes that its server makes."""

    promised: ViewNumber = NO_VIEW
    installed: ViewNumber = NO_VIEW
    log: tuple[Position, ...] = ()

    @property
    def last(self) -> Position:
        return self.log[-1] if self.log else Position()

    def with_record(self, record: Record) -> Held:
        if isinstance(record, EntryRecord):
            kept = self.log[: record.entry.index - 1]
            return replace(self, log=(*kept, record.entry.position))
        assert isinstance(record, (PromiseRecord, InstallRecord))
        promised = max(self.promised, record.view.number)
        if isinstance(record, PromiseRecord):
            return replace(self, promised=promised)
        return Held(promised, record.view.number, self.log[: record.last.index])

    def with_snapshot(self, log: tuple[Position, ...]) -> Held:
        fits = self.log[: len(log)] == log
        return replace(self, log=self.log if fits else log)

    def fits(self, found: Recovered) -> bool:
        durable = found.durable
        return (
            durable.promised.number == self.promised
            and durable.installed.number == self.installed
            and durable.last == self.last
            and _text(found.state) == _text_of(self.log[: durable.commit])
            and all(
                each.position == self.log[each.index - 1]
                and each.operation == _operation(each.position)
                for each in durable.entries
            )
        )


def _operation(place: Position) -> Operation:
    index = place.index
    if index <= 2:
        return RegisterUser(("ann", "bob")[index - 1], "hash", f"r{index}", index)
    return PostMessage(f"m{index}", "ann", "bob", f"text {index} of {place.view}", index)


def _state(log: tuple[Position, ...]) -> ChatState:
    state = ChatState()
    for place in log:
        state.apply(_operation(place))
    return state


def _text(state: ChatState) -> str:
    return "\n".join(state.snapshot().json_lines())


_texts: dict[tuple[Position, ...], str] = {}


def _text_of(log: tuple[Position, ...]) -> str:
    if log not in _texts:
        _texts[log] = _text(_state(log))
    return _texts[log]


def _fail(error: OSError) -> None:
    raise AssertionError(error)


class Server:
    """Does with its store what a server does, and tells `recorder` of each change what it has
    asked for and what it was told is done. `history` is what the disk holds after each."""

    def __init__(self, folder: Path, recorder: Recorder, history: list[Held]) -> None:
        self.history = history
        self._recorder = recorder
        self._done = 0
        self._store = PersistentStore(folder, 1, _fail)
        self._waiting: list[threading.Event] = []
        self._adopting: tuple[Position, ...] | None = None
        self.writing = range(0)  # the calls between the start and the end

    @property
    def held(self) -> Held:
        return self.history[-1]

    def open(self) -> Recovered:
        """Whatever it finds counts as being on the disk."""
        found = self._store.open()
        self._opened_by = len(self._recorder.calls)
        fitting = [n for n, held in enumerate(self.history) if held.fits(found)]
        assert fitting, f"found what was never written: {found.durable}"
        self._done = fitting[-1]
        del self.history[self._done + 1 :]
        self._say()
        return found

    def close(self) -> None:
        self.writing = range(self._opened_by, len(self._recorder.calls))
        self._store.close()

    def entries(self, count: int, commit: int | None = None) -> list[Record]:
        first, view = self.held.last.index + 1, self.held.installed
        places = [Position(index, view) for index in range(first, first + count)]
        return [
            EntryRecord(
                Entry(each.index, each.view, _operation(each)),
                each.index - 1 if commit is None else commit,
            )
            for each in places
        ]

    def append(self, *records: Record) -> None:
        self._begin_append(records)
        self._wait()

    def append_one_meanwhile(self, call: str) -> None:
        """...while this call stands still, for which the event loop must not wait. The call goes
        on once the entry is on the disk, unless it is the writer itself that stands still."""
        comes_before = self._adopting is not None and call == "open"  # opens its files first
        if comes_before:
            self.history.pop()
        loop = threading.Thread(target=self._be_the_loop)
        loop.start()
        loop.join(10)
        assert not loop.is_alive(), f"the event loop waits for {call}"
        if comes_before:
            assert self._adopting is not None
            self._begin_adoption(self._adopting)
        if threading.current_thread().name != "store-writer":
            self._wait()

    def _be_the_loop(self) -> None:
        self._store.fold_due()
        self._store.take_slow()
        self._begin_append(self.entries(1, commit=0))
        assert self._store.has_room()

    def _begin_append(self, records: Iterable[Record]) -> None:
        records = list(records)
        self.history += _after_each(self.held, records)
        self._say()
        done, reached = threading.Event(), len(self.history) - 1

        def synced() -> None:
            self._done = max(self._done, reached)
            self._say()
            done.set()

        self._store.append(records, synced)
        self._waiting.append(done)

    def _wait(self) -> None:
        while self._waiting:
            assert self._waiting.pop().wait(10)

    def fold(self) -> None:
        applied = self.held.log[:-1]
        self._store.fold(_state(applied).snapshot(), len(applied))
        self._store.wait_for_fold()
        self._wait()

    def adopt(self, log: tuple[Position, ...]) -> None:
        self._adopting = log
        self._begin_adoption(log)
        self._store.replace(_state(log), log[-1])
        self._done = max(self._done, self._adopted_at)
        self._say()
        self._adopting = None
        self._wait()

    def _begin_adoption(self, log: tuple[Position, ...]) -> None:
        self.history.append(self.held.with_snapshot(log))
        self._adopted_at = len(self.history) - 1
        self._say()

    def _say(self) -> None:
        self._recorder.say(self._done, len(self.history) - 1)


def _after_each(held: Held, records: Iterable[Record]) -> Iterator[Held]:
    for record in records:
        held = held.with_record(record)
        yield held


def live(server: Server) -> None:
    """A first start, a cold start, a view change that drops entries, folds, and two snapshots: one
    takes the place of the log, one leaves what lies beyond it."""
    server.open()
    server.append(InstallRecord(ONE, ChangeKind.COLD, Position(), 0))
    server.append(*server.entries(6))
    server.fold()
    server.append(*server.entries(2), PromiseRecord(TWO, ChangeKind.SHRINK))
    base = server.held.log[-2]
    server.append(InstallRecord(TWO, ChangeKind.SHRINK, base, base.index))
    server.append(*server.entries(2))
    ahead = [Position(server.held.last.index + n, TWO.number) for n in range(1, 6)]
    server.adopt((*server.held.log, *ahead))
    commit = server.held.last.index
    server.append(*server.entries(5, commit), PromiseRecord(THREE, ChangeKind.GROW))
    server.adopt(server.held.log[:-2])
    server.append(*server.entries(1))
    server.fold()
    server.append(*server.entries(2))
    server.close()


def lived(root: Path, at: int = -1) -> tuple[Recorder, Server]:
    """A whole life below `root`; one entry more comes before the call of number `at`."""
    root.mkdir()
    recorder = Recorder(root, at=at, meanwhile=lambda call: server.append_one_meanwhile(call))
    server = Server(root / DATA, recorder, [Held()])
    with recorder.watched():
        live(server)
    return recorder, server


def restarted(
    root: Path, disk: Disk, said: Said, history: list[Held]
) -> tuple[Recorder, list[Held]]:
    """Another process finds what is seen of `disk`, and writes an entry."""
    names, folder = disk.seen()
    put(folder, root)
    if DATA in names:
        (root / DATA).mkdir(exist_ok=True)
    recorder = Recorder(root, disk.copy())
    recorder.say(said.least, said.most)
    server = Server(root / DATA, recorder, history[: said.most + 1])
    with recorder.watched():
        server.open()
        server.append(*server.entries(1))
        server.close()
    return recorder, server.history


class Loader:
    """What a server finds in folders; each is looked at once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir()
        self._found: dict[Folder, Recovered | StoreError] = {}

    def __len__(self) -> int:
        return len(self._found)

    def find(self, folder: Folder) -> Recovered | StoreError:
        if folder not in self._found:
            put(folder, self._root)
            self._found[folder] = self._load()
            left = {path.suffix for path in (self._root / DATA).iterdir()}
            assert left <= {".json", ".journal", ".lock"}
        return self._found[folder]

    def _load(self) -> Recovered | StoreError:
        opened = PersistentStore(self._root / DATA, 1, _fail)
        try:
            found = opened.open()
        except StoreError as error:
            return error
        opened.close()
        return found


def put(folder: Folder, root: Path) -> None:
    """Makes what is below `root` just this."""
    for path in root.glob(f"{DATA}/*"):
        path.unlink()
    if folder:
        (root / DATA).mkdir(exist_ok=True)
    elif (root / DATA).exists():
        (root / DATA).rmdir()
    for name, content in folder:
        (root / name).write_bytes(content)


def check(loader: Loader, folder: Folder, said: Said, history: list[Held], what: str) -> None:
    found = loader.find(folder)
    sizes = [(name, len(content)) for name, content in folder]
    assert not isinstance(found, StoreError), f"{what}: {found} ({sizes})"
    expected = history[said.least : said.most + 1]
    assert any(held.fits(found) for held in expected), (
        f"{what}: found {found.durable} in {sizes}, and expected {expected}"
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is really synced, documents are written in several pieces, and nothing is said
    but that a line was torn."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(os, "fdatasync", lambda _: None)
    monkeypatch.setattr(limits, "STORE_FREE_BYTES_MIN", 1)
    monkeypatch.setattr(store, "_new_id", lambda: 7)  # so that folders that are alike are one
    monkeypatch.setattr(files, "_BUFFER_BYTES", 1024)
    yield
    warned = {record.getMessage().split(" line ")[0] for record in caplog.records}
    assert all("is cut off" in record.getMessage() for record in caplog.records), warned


def check_all(
    loader: Loader,
    recorder: Recorder,
    history: list[Held],
    what: str = "",
    lost: Container[int] = (),
) -> None:
    """...that may be left after each step. The disk lies about the steps `lost`."""
    seen: set[tuple[Folder, Said]] = set()
    for number, (disk, said) in enumerate(moments(recorder, lost)):
        for folder in disk.folders():
            if (folder, said) not in seen:
                seen.add((folder, said))
                last = recorder.steps[number]
                check(loader, folder, said, history, f"{what}step {number}, {last}")


@pytest.fixture
def loader(tmp_path: Path) -> Loader:
    return Loader(tmp_path / "loaded")


def test_power_fails_after_each_call(tmp_path: Path, loader: Loader) -> None:
    recorder, server = lived(tmp_path / "life")
    check_all(loader, recorder, server.history)
    assert len(loader) > 100


def test_each_call_stands_still_while_the_server_writes_on(tmp_path: Path, loader: Loader) -> None:
    quiet = lived(tmp_path / "life")[1]
    for at in quiet.writing:
        recorder, server = lived(tmp_path / f"life{at}", at)
        assert len(server.history) == len(quiet.history) + 1
        check_all(loader, recorder, server.history, f"one more at call {at}, ")
    assert len(loader) > 500


def test_the_process_ends_after_each_call_and_later_the_power_fails(
    tmp_path: Path, loader: Loader
) -> None:
    recorder, server = lived(tmp_path / "life")
    (tmp_path / "again").mkdir()
    for number, (disk, said) in enumerate(moments(recorder)):
        again, told = restarted(tmp_path / "again", disk, said, server.history)
        check_all(loader, again, told, f"ended at step {number}, ")


def test_power_fails_again_while_a_server_recovers(tmp_path: Path, loader: Loader) -> None:
    recorder, server = lived(tmp_path / "life")
    (tmp_path / "again").mkdir()
    left = {folder: said for disk, said in moments(recorder) for folder in disk.folders()}
    for number, (folder, said) in enumerate(left.items()):
        again, told = restarted(tmp_path / "again", Disk.of(folder), said, server.history)
        check_all(loader, again, told, f"folder {number}, ")


def test_whoever_hears_of_a_server_finds_its_start_on_the_disk(
    tmp_path: Path, loader: Loader
) -> None:
    root = tmp_path / "life"
    root.mkdir()
    for starts in (1, 2):
        recorder = Recorder(root, Disk.of(_files_of(root)))
        server = Server(root / DATA, recorder, [Held()])
        with recorder.watched():
            server.open()
        for folder in list(moments(recorder))[-1][0].folders():
            found = loader.find(folder)
            assert isinstance(found, Recovered)
            assert found.durable.disk.starts == starts + 1
        server.close()


def _files_of(root: Path) -> Folder:
    files = sorted(path for path in root.glob(f"{DATA}/*") if path.suffix != ".lock")
    return tuple((str(path.relative_to(root)), path.read_bytes()) for path in files)


def test_a_sync_that_is_missing_is_found(tmp_path: Path, loader: Loader) -> None:
    """These tests see more than they need: a disk that lies about any sync loses something, but
    where the same is synced once more, or it is that of a start (the test above)."""
    recorder, server = lived(tmp_path / "life")
    alike = [numbers for numbers in syncs(recorder.steps) if not _is_of_a_start(recorder, numbers)]
    assert len(alike) > 20
    for numbers in alike:
        with pytest.raises(AssertionError, match=r"found|damaged|missing"):
            check_all(loader, recorder, server.history, lost=numbers)


def _is_of_a_start(recorder: Recorder, numbers: list[int]) -> bool:
    before = recorder.steps[numbers[0] - 1]
    return isinstance(before, Wrote) and b'"record":"start"' in before.data
