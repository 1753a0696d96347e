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
    FORMAT,
    Header,
    NewerFormat,
    document_lines,
    read_document,
)
from chat.core.files.journal import (
    JournalDamaged,
    JournalReader,
    LogImage,
    decode_line,
    encode_line,
    encode_record,
    whole,
)
from chat.core.files.lines import DocumentDamaged
from chat.core.replication.messages import Disk, Durable, Position, Record, StartRecord
from chat.core.state.chat_state import ChatState
from chat.core.state.snapshot import Snapshot
from chat.server.data_lock import DataLock
from chat.server.files import (
    Successor,
    beside,
    copy,
    lacks_room,
    make_folder,
    may_pass,
    replace_file,
    reserve,
)
from chat.server.garbage import no_search
from chat.server.journal_writer import JournalWriter, WriterStopped, write_all
from chat.server.snapshots import in_pieces

_log = logging.getLogger(__name__)

# The journal is replayed in pieces of about this many entries.
_REPLAY_ENTRIES = 512
_READ_BYTES = 2**18
_RESTORE = (
    # Both files, and not the folder: it may hold those of other servers, and the cluster's key.
    "nothing was changed; restore both files from a copy, or move both away and start again "
    "to join as a replacement"
)


class StoreError(Exception):
    """The data cannot be used: one sentence that names the file, the line and the remedy."""


class StoreMustWait(StoreError):
    """The data cannot be used at this moment: for want of room, or of a descriptor."""


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
        self.file = folder / f"users_{server_id}.json"
        self.journal = folder / f"users_{server_id}.journal"
        self._room = folder / f"users_{server_id}.room"  # made to see whether there is any
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
            raise self._unusable(error) from error
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
        reserve(self._room, limits.STORE_FREE_BYTES_MIN)

    def _unusable(self, error: OSError) -> StoreError:
        name = error.filename or self.folder
        if lacks_room(error):
            needed = limits.STORE_FREE_BYTES_MIN // 2**20
            return StoreMustWait(f"{name}: the disk is full; free at least {needed} MiB there.")
        if may_pass(error):
            return StoreMustWait(f"{name} cannot be opened at this moment ({error.strerror}).")
        return StoreError(
            f"{name} cannot be used ({error.strerror}); check that the folder belongs to the "
            "user who runs the server and that the disk is sound."
        )

    # -- recovery ------------------------------------------------------------------------

    def _open(self) -> Recovered:
        self._remove_leftovers()
        if not self.file.exists():
            self._begin_empty()
        header, state = self._read_file()
        self._file_bytes = self.file.stat().st_size
        size = self._replay(header, state)
        start = StartRecord(Disk(self._image.disk.id or _new_id(), self._image.disk.starts + 1))
        self._image.add(start)
        durable = self._image.durable()
        self._image.prune(keep=0)
        line = encode_record(start, size)
        descriptor = self._open_journal(size, line)
        self._writer = JournalWriter(descriptor, size + len(line), self._on_failure)
        return Recovered(durable, state)

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

    def _remove_leftovers(self) -> None:
        for leftover in (beside(self.file), beside(self.journal), self._room):
            with suppress(FileNotFoundError):
                os.unlink(leftover)

    def _begin_empty(self) -> None:
        """First the journal, then the file: a journal alone, without records, is a first
        start that was interrupted; a file alone never is."""
        if self.journal.exists():
            with self.journal.open("rb") as lines:
                if self._read_journal_header(lines.readline()) != 1 or lines.readline():
                    raise StoreError(f"{self.file} is missing beside its journal: {_RESTORE}.")
        replace_file(self.journal, [self._journal_header(1)])
        header = Header(self._server_id)
        replace_file(self.file, document_lines(header, ChatState().snapshot().json_lines()))

    def _read_file(self) -> tuple[Header, ChatState]:
        try:
            with self.file.open("rb", buffering=_READ_BYTES) as lines:
                header, contents = read_document(lines)
        except NewerFormat as error:
            raise StoreError(
                f"{self.file} cannot be read: {error}; run the version that wrote it, or a later."
            ) from error
        except DocumentDamaged as error:
            raise StoreError(
                f"{self.file} line {error.line} is damaged ({error.reason}): {_RESTORE}."
            ) from error
        self._check_owner(self.file, header.server_id)
        return header, ChatState(contents)

    def _check_owner(self, path: Path, server_id: int) -> None:
        if server_id != self._server_id:
            raise StoreError(
                f"{path} belongs to server {server_id}, not to server {self._server_id}: "
                "nothing was changed; start with the right --id or --data-dir."
            )

    def _replay(self, header: Header, state: ChatState) -> int:
        """Sets the image and the generation, brings `state` up to the last commit that is
        known, and returns the journal's length without a torn last line."""
        self._image = _image_of(header, self.file)
        if not self.journal.exists():
            raise StoreError(f"{self.journal} is missing beside its file: {_RESTORE}.")
        with self.journal.open("rb") as lines:
            first = lines.readline()
            self._generation = self._read_journal_header(first)
            start, skipped = len(first), 1
            if self._generation == header.generation and header.offset >= start:
                while start < header.offset and (line := lines.readline()):
                    start, skipped = start + len(line), skipped + 1
            elif self._generation != header.generation + 1:
                raise StoreError(f"{self.journal} line 1 does not belong to its file: {_RESTORE}.")
            if self._generation == header.generation and start != header.offset:
                raise StoreError(f"{self.journal} line {skipped} ends too soon: {_RESTORE}.")
            reader = JournalReader(lines, skipped + 1)
            self._apply(reader, header.position.index, state)
        if reader.torn_bytes:
            _log.warning(
                "%s line %d was torn by a crash and is cut off (%d bytes, never acknowledged)",
                self.journal,
                reader.line,
                reader.torn_bytes,
            )
        return start + reader.good_bytes

    def _apply(self, reader: JournalReader, applied: int, state: ChatState) -> None:
        try:
            for record in reader:
                self._image.add(record)
                if self._image.commit - applied >= _REPLAY_ENTRIES:
                    applied = self._apply_committed(state, applied)
            self._apply_committed(state, applied)
        except JournalDamaged as error:
            raise StoreError(
                f"{self.journal} line {error.line} is damaged ({error.reason}): {_RESTORE}."
            ) from error
        except ValueError as error:
            raise StoreError(
                f"{self.journal} line {reader.line} is damaged ({error}): {_RESTORE}."
            ) from error

    def _apply_committed(self, state: ChatState, applied: int) -> int:
        """Brings `state` from entry `applied` up to the commit index, which it returns."""
        commit = self._image.commit
        if commit > applied:
            for entry in self._image.after(applied, commit):
                state.apply(entry.operation)
            self._image.prune(limits.LOG_ENTRIES_KEPT)
        return max(applied, commit)

    def _journal_header(self, generation: int) -> bytes:
        return encode_line({"journal": generation, "format": FORMAT, "server_id": self._server_id})

    def _read_journal_header(self, line: bytes) -> int:
        try:
            header = decode_line(line)
            names = ("journal", "format", "server_id")
            generation, form, owner = (whole(header[name]) for name in names)
        except (ValueError, KeyError) as error:
            raise StoreError(f"{self.journal} line 1 is damaged ({error}): {_RESTORE}.") from error
        if form > FORMAT:
            raise StoreError(
                f"{self.journal} line 1 has format {form}, newer than this program's {FORMAT}; "
                "run the version that wrote it, or a later."
            )
        self._check_owner(self.journal, owner)
        return generation

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
            self._remove_leftovers()  # its room is the journal's now
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
            successor.file.write(self._journal_header(self._generation + 1))
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
            header, state = self._read_file()
            self._replay(header, state)
        except OSError as error:
            raise self._unusable(error) from error
        return Recovered(self._image.durable(), state)

    def restore(self, header: Header, state: ChatState) -> None:
        """Makes the files of a backup, where there are none. StoreError; OSError."""
        make_folder(self.folder)
        if self.file.exists() or self.journal.exists():
            raise StoreError(f"{self.file} or its journal is there already: move them away first.")
        replace_file(self.journal, [self._journal_header(1)])
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
        journal.file.write(self._journal_header(self._generation + 1))
        self._exchange_journal(writer, journal)


def _new_id() -> int:
    return secrets.randbits(63) | 1


def _lines(records: Iterable[Record], unsynced: int) -> bytes:
    lines = bytearray()
    for record in records:
        lines += encode_record(record, unsynced + len(lines))
    return bytes(lines)


def _image_of(header: Header, path: Path) -> LogImage:
    durable = Durable(
        promised=header.promised,
        promised_kind=header.promised_kind,
        installed=header.installed,
        commit=header.position.index,
        entries=header.entries,
        apart=header.apart,
        disk=header.disk,
        seen=header.seen,
    )
    try:
        return LogImage(durable, header.position)
    except ValueError as error:
        raise StoreError(f"{path} is damaged ({error}): {_RESTORE}.") from error
