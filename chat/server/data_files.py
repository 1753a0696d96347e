"""DataFiles: the two files of a server's data, how they begin, and what they hold read back.

Blocks on the disk. What cannot be read is told in one sentence, and nothing is changed.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chat.core import limits
from chat.core.files.document import FORMAT, Header, NewerFormat, document_lines, read_document
from chat.core.files.journal import (
    JournalDamaged,
    JournalReader,
    LogImage,
    decode_line,
    encode_line,
    whole,
)
from chat.core.files.lines import DocumentDamaged
from chat.core.replication.messages import Durable
from chat.core.state.chat_state import ChatState
from chat.server.files import beside, lacks_room, may_pass, replace_file

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
class Stored:
    """`state` holds everything up to the commit of `image`, which is the log. The journal is of
    this `generation`, and so long without a torn last line."""

    state: ChatState
    image: LogImage
    generation: int
    journal_bytes: int


class DataFiles:
    """Those of one server in `folder`."""

    def __init__(self, folder: Path, server_id: int) -> None:
        self._server_id = server_id
        self.folder = folder
        self.file = folder / f"users_{server_id}.json"
        self.journal = folder / f"users_{server_id}.journal"
        self.room = folder / f"users_{server_id}.room"  # made to see whether there is any

    def unusable(self, error: OSError) -> StoreError:
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

    def remove_leftovers(self) -> None:
        for leftover in (beside(self.file), beside(self.journal), self.room):
            with suppress(FileNotFoundError):
                os.unlink(leftover)

    def begin_empty(self) -> None:
        """First the journal, then the file: a journal alone, without records, is a first
        start that was interrupted; a file alone never is."""
        if self.journal.exists():
            with self.journal.open("rb") as lines:
                if self._read_journal_header(lines.readline()) != 1 or lines.readline():
                    raise StoreError(f"{self.file} is missing beside its journal: {_RESTORE}.")
        replace_file(self.journal, [self.journal_header(1)])
        header = Header(self._server_id)
        replace_file(self.file, document_lines(header, ChatState().snapshot().json_lines()))

    def read(self) -> Stored:
        """What they hold. StoreError; OSError."""
        return self._replay(*self._read_file())

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

    def _replay(self, header: Header, state: ChatState) -> Stored:
        """Brings `state` up to the last commit that is known."""
        image = _image_of(header, self.file)
        if not self.journal.exists():
            raise StoreError(f"{self.journal} is missing beside its file: {_RESTORE}.")
        with self.journal.open("rb") as lines:
            first = lines.readline()
            generation = self._read_journal_header(first)
            start, skipped = len(first), 1
            if generation == header.generation and header.offset >= start:
                while start < header.offset and (line := lines.readline()):
                    start, skipped = start + len(line), skipped + 1
            elif generation != header.generation + 1:
                raise StoreError(f"{self.journal} line 1 does not belong to its file: {_RESTORE}.")
            if generation == header.generation and start != header.offset:
                raise StoreError(f"{self.journal} line {skipped} ends too soon: {_RESTORE}.")
            reader = JournalReader(lines, skipped + 1)
            self._apply(reader, header.position.index, image, state)
        if reader.torn_bytes:
            _log.warning(
                "%s line %d was torn by a crash and is cut off (%d bytes, never acknowledged)",
                self.journal,
                reader.line,
                reader.torn_bytes,
            )
        return Stored(state, image, generation, start + reader.good_bytes)

    def _apply(
        self, reader: JournalReader, applied: int, image: LogImage, state: ChatState
    ) -> None:
        try:
            for record in reader:
                image.add(record)
                if image.commit - applied >= _REPLAY_ENTRIES:
                    applied = _apply_committed(image, state, applied)
            _apply_committed(image, state, applied)
        except JournalDamaged as error:
            raise StoreError(
                f"{self.journal} line {error.line} is damaged ({error.reason}): {_RESTORE}."
            ) from error
        except ValueError as error:
            raise StoreError(
                f"{self.journal} line {reader.line} is damaged ({error}): {_RESTORE}."
            ) from error

    def journal_header(self, generation: int) -> bytes:
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


def _apply_committed(image: LogImage, state: ChatState, applied: int) -> int:
    """Brings `state` from entry `applied` up to the commit index, which it returns."""
    commit = image.commit
    if commit > applied:
        for entry in image.after(applied, commit):
            state.apply(entry.operation)
        image.prune(limits.LOG_ENTRIES_KEPT)
    return max(applied, commit)


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
