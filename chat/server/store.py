"""PersistentStore: this server's whole state as one JSON file, and a journal of what followed.

`append`, `fold` and `fold_due` are for the event loop and never wait for the disk;
`open`, `replace` and `close` do, and belong on other threads (or before it runs).
Threads: "store-writer" (JournalWriter) and, now and then, "store-fold".
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from chat import system
from chat.core import limits
from chat.core.files.document import (
    Header,
    document_lines,
)
from chat.core.files.journal import (
    LogImage,
    encode_record,
)
from chat.core.replication.messages import Disk, Durable, Position, Record, StartRecord
from chat.core.state.chat_state import ChatState
from chat.core.state.snapshot import Snapshot
from chat.server.data_files import DataFiles, StoreError
from chat.server.data_lock import DataLock
from chat.server.files import (
    Successor,
    copy,
    make_folder,
    may_pass,
    replace_file,
    reserve,
)
from chat.server.garbage import no_search
from chat.server.journal_writer import JournalWriter, WriterStopped, write_all
from chat.server.snapshots import in_pieces

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was on disk: `state` holds everything up to `durable.commit`."""

    durable: Durable
    state: ChatState


@dataclass(frozen=True, slots=True)
class Figures:
    """How large and how quick a store is, since it was opened."""

    file_bytes: int
    journal_bytes: int
    queued_bytes: int  # not on the disk yet
    syncs: int
    folds: int
    fold_s: float  # the last one; 0.0 = none yet
    open_s: float


class PersistentStore:
    """One server's data in `folder`; `on_failure` is told once, from any thread, of the
    first error after `open`, and from then on nothing is written or reported as synced."""

    def __init__(self, folder: Path, server_id: int, on_failure: Callable[[OSError], None]) -> None:
        self.folder = folder
        self._server_id = server_id
        self._on_failure = on_failure
        self._files = DataFiles(folder, server_id)
        self.file, self.journal = self._files.file, self._files.journal
        self._data_lock = DataLock(folder / f"users_{server_id}.lock")
        # Orders `append` against `fold` and `replace`: guards what follows. Taken before
        # the writer's own lock; no system call is made while it is held.
        self._lock = threading.Lock()
        self._image = LogImage(Durable(), Position())
        self._generation = 1  # of the journal that the writer appends to
        self._file_bytes = 0
        self._folding: threading.Thread | None = None
        self._put_off_bytes = 0  # how long the journal was when a fold was last put off
        self._replacing = False
        self._closing = threading.Event()
        self._writer: JournalWriter | None = None  # set by `open`
        self._folds, self._fold_s, self._open_s = 0, 0.0, 0.0

    # -- start and stop ------------------------------------------------------------------

    def open(self) -> Recovered:
        """Locks the data, reads it back, and begins to write. Raises StoreError."""
        try:
            self._lock_folder()
            self._check_free_space()
            began = time.monotonic()
            with no_search():
                recovered = self._open()
            self._open_s = time.monotonic() - began
            return recovered
        except OSError as error:
            self._data_lock.release()
            raise self._files.unusable(error) from error
        except BaseException:
            self._data_lock.release()
            raise

    def close(self) -> None:
        """Everything appended is synced first. The store cannot be opened again. OSError after
        a failure if what was not synced could not be taken back."""
        with self._lock:
            self._closing.set()
        try:
            if self._writer is not None:
                self._writer.close()
        finally:
            self.wait_for_fold()
            self._writer = None
            self._data_lock.release()

    def _lock_folder(self) -> None:
        # The mode is for one that is made here; one that was there may serve others, too.
        make_folder(self.folder)
        try:
            self._data_lock.take()
        except BlockingIOError as error:
            raise StoreError(
                f"{self._data_lock.path} is locked: {self._data_lock.holder()} already serves as "
                f"server {self._server_id} with this data; stop it first, or give this one another "
                "--data-dir."
            ) from error

    def _check_free_space(self) -> None:
        reserve(self._files.room, limits.STORE_FREE_BYTES_MIN)

    # -- recovery ------------------------------------------------------------------------

    def _open(self) -> Recovered:
        self._files.remove_leftovers()
        if not self.file.exists():
            self._files.begin_empty()
        self._file_bytes = self.file.stat().st_size
        found = self._files.read()
        self._image, self._generation = found.image, found.generation
        size = found.journal_bytes
        start = StartRecord(Disk(self._image.disk.id or _new_id(), self._image.disk.starts + 1))
        self._image.add(start)
        durable = self._image.durable()
        self._image.prune(keep=0)
        line = encode_record(start, size)
        descriptor = self._open_journal(size, line)
        self._writer = JournalWriter(descriptor, size + len(line), self._on_failure)
        return Recovered(durable, found.state)

    def _open_journal(self, size: int, line: bytes) -> int:
        """For appending, cut to `size`. What was read counts as being on the disk from now on,
        and the process that wrote it may have ended before it was: it is synced first, and with
        it `line`, which tells of this start before anybody hears of this process."""
        descriptor = os.open(self.journal, os.O_WRONLY | os.O_APPEND | system.PLAIN)
        try:
            if os.fstat(descriptor).st_size > size:
                os.ftruncate(descriptor, size)
                system.sync(descriptor)
            system.sync_folder(self.folder)  # no record is in a journal whose file may yet be gone
            write_all(descriptor, line)
            system.sync(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    # -- writing ---------------------------------------------------------------------------

    def append(self, records: Sequence[Record], on_synced: Callable[[], None]) -> None:
        """Queues the records for the disk; `on_synced` is called on the writer's thread
        once they are there, in the order of the calls. Raises ValueError for a record that
        cannot follow the ones before it (then it must not reach the disk)."""
        assert self._writer is not None
        with self._lock:
            for record in records:
                self._image.add(record)
            self._image.prune(keep=0)
            self._writer.append(_lines(records, self._writer.queued_bytes()), on_synced)

    def has_room(self) -> bool:
        """Whether the disk keeps up; whoever has more to append waits until it does."""
        assert self._writer is not None
        return self._writer.queued_bytes() <= limits.STORE_QUEUE_BYTES_MAX

    def take_slow(self) -> tuple[int, float]:
        """How many syncs were slow since this was last asked, and how many seconds at most."""
        return self._writer.take_slow() if self._writer is not None else (0, 0.0)

    def journal_bytes(self) -> int:
        assert self._writer is not None
        return self._writer.end()

    def figures(self) -> Figures:
        writer = self._writer
        return Figures(
            self._file_bytes,
            writer.end() if writer is not None else 0,
            writer.queued_bytes() if writer is not None else 0,
            writer.syncs if writer is not None else 0,
            self._folds,
            self._fold_s,
            self._open_s,
        )

    # -- folding the journal into the file ---------------------------------------------------

    def fold_due(self) -> bool:
        """The journal has outgrown the file, and nothing else is rewriting it."""
        with self._lock:
            if self._folding or self._replacing or self._closing.is_set() or self._writer is None:
                return False
            size = self._writer.end() - self._put_off_bytes
            return size > max(
                limits.JOURNAL_FOLD_BYTES_MIN, limits.JOURNAL_FOLD_RATIO * self._file_bytes
            )

    def fold(self, snapshot: Snapshot, index: int) -> None:
        """Begins to write `snapshot`, which holds every entry up to `index`, as the file,
        and then to cut the journal, while writes go on. Call it with nothing appended
        since the snapshot was taken. Ignored while a fold or a replacement is under way."""
        assert self._writer is not None
        with self._lock:
            if self._folding or self._replacing or self._closing.is_set():
                return
            position = self._image.position(index)
            assert position is not None, "the snapshot is older than the commit index"
            header = self._header(position, self._generation, self._writer.end())
            self._folding = threading.Thread(
                target=self._fold, args=(header, snapshot), name="store-fold", daemon=True
            )
            self._folding.start()

    def wait_for_fold(self) -> None:
        """Returns when no fold is under way."""
        folding = self._folding
        if folding is not None:
            folding.join()

    def _header(self, position: Position, generation: int, offset: int) -> Header:
        """The image at this moment, seen from `position`."""
        return Header(
            server_id=self._server_id,
            position=position,
            promised=self._image.promised,
            promised_kind=self._image.promised_kind,
            installed=self._image.installed,
            generation=generation,
            offset=offset,
            entries=self._image.after(position.index),
            apart=self._image.apart,
            disk=self._image.disk,
            seen=tuple(self._image.seen.values()),
        )

    def _fold(self, header: Header, snapshot: Snapshot) -> None:
        writer, began = self._writer, time.monotonic()
        assert writer is not None
        try:
            # The file says where in the journal to go on: that place must be on disk first.
            writer.run(lambda: None)
            size = replace_file(
                self.file, self._until_closed(document_lines(header, snapshot.json_lines()))
            )
            self._cut_journal(writer, header.offset)
            with self._lock:
                self._file_bytes, self._put_off_bytes = size, 0
                self._folds, self._fold_s = self._folds + 1, time.monotonic() - began
        except WriterStopped:
            pass  # the fold is abandoned: at every point of it the data on disk is whole
        except OSError as error:
            if may_pass(error):
                self._put_off(writer, error)
            else:
                writer.fail(error)
        finally:
            with self._lock:
                self._folding = None

    def _put_off(self, writer: JournalWriter, error: OSError) -> None:
        """Too many connections, or no room for a second file, are no failure of the disk: the
        journal grows on meanwhile."""
        with suppress(OSError):
            self._files.remove_leftovers()  # its room is the journal's now
        if not self._put_off_bytes:
            _log.warning("the journal is folded later (%s); nothing is lost", error.strerror)
        with self._lock:
            self._put_off_bytes = writer.end()

    def _until_closed(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        for number, line in enumerate(lines, 1):
            if number % limits.FOLD_BURST_LINES == 0 and self._closing.wait(limits.FOLD_PAUSE_S):
                raise WriterStopped
            yield line

    def _cut_journal(self, writer: JournalWriter, offset: int) -> None:
        """Makes a journal of what lies beyond `offset`. Most of it is copied beside the
        writer; the last piece and the exchange are the writer's own."""
        with self.journal.open("rb") as source, Successor(self.journal) as successor:
            successor.file.write(self._files.journal_header(self._generation + 1))
            source.seek(offset)
            copy(source, successor.file, writer.size() - offset)
            successor.file.flush()
            system.sync(successor.descriptor)

            def finish() -> None:
                copy(source, successor.file, writer.size() - source.tell())
                source.close()
                self._exchange_journal(writer, successor)

            writer.run(finish)

    def _exchange_journal(self, writer: JournalWriter, successor: Successor) -> None:
        """On the writer's thread, where an error is the end: nothing is opened here, where the
        system can move what is open."""
        if not system.MOVES_OPEN_FILES:
            writer.put_down()
        size = successor.take_over()
        with self._lock:
            self._generation += 1
            previous = writer.switch(successor.release(), size)
        if previous >= 0:
            os.close(previous)

    # -- snapshots -----------------------------------------------------------------------------

    def document_chunks(self, snapshot: Snapshot, position: Position) -> Iterator[bytes]:
        """The document that `read_snapshot` reads, in pieces of about SNAPSHOT_CHUNK_BYTES."""
        lines = document_lines(Header(self._server_id, position), snapshot.json_lines())
        return in_pieces(lines, limits.SNAPSHOT_CHUNK_BYTES)

    def backup_chunks(self, snapshot: Snapshot, position: Position) -> Iterator[bytes]:
        """As `document_chunks`, with all that the file of this server says of views and folders
        (rule 13): what is restored from it is this server's folder as it was then."""
        with self._lock:
            header = replace(self._header(position, 0, 0), entries=())
        lines = document_lines(header, snapshot.json_lines())
        return in_pieces(lines, limits.SNAPSHOT_CHUNK_BYTES)

    def inspect(self) -> Recovered:
        """What is on the disk of a server that does not run; nothing is written. StoreError."""
        try:
            found = self._files.read()
        except OSError as error:
            raise self._files.unusable(error) from error
        self._image = found.image
        return Recovered(found.image.durable(), found.state)

    def restore(self, header: Header, state: ChatState) -> None:
        """Makes the files of a backup, where there are none. StoreError; OSError."""
        make_folder(self.folder)
        if self.file.exists() or self.journal.exists():
            raise StoreError(f"{self.file} or its journal is there already: move them away first.")
        replace_file(self.journal, [self._files.journal_header(1)])
        replace_file(self.file, document_lines(header, state.snapshot().json_lines()))

    def replace(self, state: ChatState, position: Position) -> None:
        """Makes another server's state, up to `position`, this one's file; blocks until it is
        on disk.

        Promises and views stay. The log beyond the snapshot stays if it holds the
        snapshot's last entry and is dropped if not. Raises OSError where there is no
        descriptor for it (nothing was changed), OSError or WriterStopped when the store
        has failed.
        """
        assert self._writer is not None
        writer = self._writer
        with self._lock:
            assert not self._replacing, "one snapshot at a time"
            self._replacing = True
        try:
            self.wait_for_fold()
            body = state.snapshot().json_lines()
            with Successor(self.file) as file, Successor(self.journal) as journal:
                with self._lock:
                    # What was appended before is on disk when the command runs; what comes
                    # after follows the new image and lands in the new journal.
                    self._image.rebase(position)
                    header = self._header(position, self._generation, writer.end())
                    lines = self._until_closed(document_lines(header, body))
                    done = writer.post(lambda: self._install(writer, lines, file, journal))
                done.result()
        finally:
            with self._lock:
                self._replacing = False

    def _install(
        self, writer: JournalWriter, lines: Iterable[bytes], file: Successor, journal: Successor
    ) -> None:
        """On the writer's thread, so that no record falls between file and journal."""
        file.file.writelines(lines)
        self._file_bytes = file.take_over()
        journal.file.write(self._files.journal_header(self._generation + 1))
        self._exchange_journal(writer, journal)


def _new_id() -> int:
    return secrets.randbits(63) | 1


def _lines(records: Iterable[Record], unsynced: int) -> bytes:
    lines = bytearray()
    for record in records:
        lines += encode_record(record, unsynced + len(lines))
    return bytes(lines)
