"""The outbox file: messages that the servers have not acknowledged yet, on this computer's disk.

JSON lines, synced before the caller continues; rewritten whole and atomically when most lines are
history. Thread-safe; blocks on the disk, so never called from Tk (except `messages`).
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO

from chat.client.acts import FORMS, Act, Queued
from chat.client.checks import is_line, is_time
from chat.client.files import copy_aside, make_private_folder, make_way, write_atomically
from chat.core.json_text import parse_json
from chat.core.limits import OUTBOX_MESSAGES_MAX
from chat.system import PLAIN, lock_file
from chat.system import sync as sync_file

log = logging.getLogger(__name__)

FORMAT_VERSION = 1
# History is tolerated until it outnumbers the living messages by this many lines.
_HISTORY_LINES_MAX = 256


class OutboxError(Exception):
    """The outbox cannot be used; the text is a sentence for the person."""


class ProfileInUse(OutboxError):
    """Another window is using this outbox; how to start a second one depends on who started this
    one."""


class Outbox:
    """A change is on disk when its method returns; OSError means that it did not happen."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Guards everything below. A leaf: nothing else is locked while it is held.
        self._lock = threading.Lock()
        self._messages: dict[str, Queued] = {}  # in the order they were written
        self._file: BinaryIO | None = None
        self._guard: BinaryIO | None = None
        self._lines = 0
        self._end = 0  # bytes known to be whole lines
        self.damage = ""  # what could not be read, in sentences for the person
        # What `messages` answers from, replaced whole: readers need no lock.
        self._view: tuple[Queued, ...] = ()
        # The view, its owner and their part of it, as last asked for.
        self._part: tuple[object, str, tuple[Queued, ...]] = (None, "", ())

    def open(self) -> None:
        """Load what an earlier run left. Raises ProfileInUse when another client has it open."""
        with self._lock:
            try:
                make_private_folder(self._path.parent)
                make_way(self._path)
                make_way(self._path.with_name(self._path.name + ".lock"))
                self._guard = _lock_file(self._path.with_name(self._path.name + ".lock"))
                self._load()
                self._rewrite()
            except OutboxError:
                self._release()
                raise
            except OSError as error:
                self._release()
                raise OutboxError(
                    f"The outbox {self._path} cannot be opened: {error.strerror}."
                ) from error

    def close(self) -> None:
        """Leaves only waiting messages in the file."""
        with self._lock:
            if self._lines > len(self._messages) + 1:
                self._shorten()
            self._release()

    def messages(self, owner: str) -> tuple[Queued, ...]:
        """The owner's messages, oldest first. Never blocks."""
        view, (known, whose, part) = self._view, self._part
        if known is not view or whose != owner:
            part = tuple(queued for queued in view if queued.owner == owner)
            self._part = (view, owner, part)
        return part

    def get(self, message_id: str) -> Queued | None:
        """Never blocks."""
        return self._messages.get(message_id)

    def add(self, queued: Queued) -> Queued:
        """Returns what was added, or the message that was refused and is amended by it. Its time is
        never earlier than that of what is already waiting, or a clock that was set back would show
        an order other than the one in which messages are sent. Raises OutboxError when the outbox
        is full."""
        with self._lock:
            queued = self._amended(queued) or self._newest(queued)
            self._append({"do": "add", **_written(queued)})
            self._messages[queued.id] = queued
            self._changed()
            return queued

    def fail(self, message_id: str, sentence: str) -> None:
        """Keep the message, but do not send it again until `retry`."""
        self._set_failure(message_id, sentence)

    def retry(self, message_id: str) -> None:
        """The message waits again, in its old place."""
        self._set_failure(message_id, "")

    def acknowledged(self, message_id: str) -> None:
        """The servers have it. Not synced, and no error if the disk is full: if this line were
        lost, the message would be sent again, and the servers know its id."""
        with self._lock:
            if message_id not in self._messages:
                return
            try:
                self._append({"do": "remove", "id": message_id}, sync=False)
            except OSError as error:
                log.warning("a sent message is still in the outbox's file: %s", error)
            del self._messages[message_id]
            self._changed()

    def remove(self, message_id: str) -> None:
        """Discarded; unknown ids are ignored."""
        with self._lock:
            if message_id not in self._messages:
                return
            self._append({"do": "remove", "id": message_id})
            del self._messages[message_id]
            self._changed()

    def forget(self, owner: str) -> None:
        """The owner's account is gone: nothing they wrote stays in the file."""
        with self._lock:
            kept = {key: each for key, each in self._messages.items() if each.owner != owner}
            before, self._messages = self._messages, kept
            try:
                self._rewrite()
            except OSError:
                self._messages = before
                raise

    # --- inside the lock ---------------------------------------------------------

    def _amended(self, queued: Queued) -> Queued | None:
        refused = self._messages.get(queued.about)
        if refused is None or not refused.failure or not FORMS[queued.act].amends:
            return None
        return replace(refused, text=queued.text, failure="")

    def _newest(self, queued: Queued) -> Queued:
        if len(self._messages) >= OUTBOX_MESSAGES_MAX:
            raise OutboxError(
                f"{OUTBOX_MESSAGES_MAX} messages are already waiting. Connect, or delete some."
            )
        for newest in self._view[-1:]:
            queued = replace(queued, queued_at=max(queued.queued_at, newest.queued_at))
        return queued

    def _set_failure(self, message_id: str, sentence: str) -> None:
        with self._lock:
            queued = self._messages.get(message_id)
            if queued is None or queued.failure == sentence:
                return
            self._append({"do": "fail", "id": message_id, "failure": sentence})
            self._messages[message_id] = replace(queued, failure=sentence)
            self._changed()

    def _changed(self) -> None:
        self._view = tuple(self._messages.values())
        if self._lines > 2 * len(self._messages) + _HISTORY_LINES_MAX:
            self._shorten()

    def _shorten(self) -> None:
        try:
            self._rewrite()
        except OSError as error:  # the history is only long, not wrong
            log.warning("the outbox was not shortened: %s", error)

    def _append(self, document: dict[str, Any], sync: bool = True) -> None:
        if self._file is None:
            raise OutboxError("The outbox is closed.")
        try:
            _write_all(self._file, _line(document))
            if sync:
                sync_file(self._file.fileno())
        except OSError:
            self._cut_back()
            raise
        self._lines += 1
        self._end = self._file.tell()

    def _cut_back(self) -> None:
        """No partial line may remain in front of the next one."""
        self._close_file()
        try:
            os.truncate(self._path, self._end)
        except OSError as error:
            log.warning("half a line may be left in the outbox: %s", error)
        self._open_file()

    def _rewrite(self) -> None:
        lines = [_line({"outbox": FORMAT_VERSION})]
        lines += [_line({"do": "add", **_written(queued)}) for queued in self._messages.values()]
        self._close_file()  # some systems give no open file's place to another
        try:
            write_atomically(self._path, b"".join(lines))
        finally:
            self._open_file()
        self._lines = len(lines)
        self._view = tuple(self._messages.values())

    def _open_file(self) -> None:
        self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115 - closed by `close`
        self._end = self._file.tell()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _release(self) -> None:
        self._close_file()
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def _load(self) -> None:
        self._messages.clear()
        if not self._path.exists():
            return
        content = self._path.read_bytes()
        taken = [document is not None and self._take(document) for document in _documents(content)]
        if not all(taken):
            # The caller rewrites what can be read; the rest stays for a person.
            aside = copy_aside(self._path, content)
            log.warning("damaged lines in the outbox were skipped; all of it is kept in %s", aside)
            self.damage = (
                f"Some messages waiting to be sent ({self._path.name}) cannot be read. "
                f"{len(self._messages)} could be read and are still waiting. "
                f"The file is kept as {aside}."
            )

    def _take(self, document: dict[str, Any]) -> bool:
        """False for a line that this class could not have written."""
        if "outbox" in document:
            version = document["outbox"]
            if type(version) is int and version > FORMAT_VERSION:
                raise OutboxError(
                    f"The outbox {self._path} was written by a newer version of this client."
                )
            return bool(version == FORMAT_VERSION)
        action = document.pop("do", None)
        try:
            if action == "add":
                queued = _read(document)
                self._messages[queued.id] = _checked(queued)
            elif action == "fail":
                known = self._messages[document["id"]]
                self._messages[known.id] = _checked(replace(known, failure=document["failure"]))
            elif action == "remove":
                self._messages.pop(document["id"], None)
            else:
                return False
        except (TypeError, KeyError, ValueError):
            return False
        return True


def _written(queued: Queued) -> dict[str, Any]:
    """Its fields; the address has had another name in files from the beginning. What came later
    is left out where there is nothing to say: so earlier clients can read it."""
    document = asdict(queued)
    act, about = document.pop("act"), document.pop("about")
    later = {"act": act.value if act is not Act.SEND else "", "about": about}
    written = {name: value for name, value in later.items() if value}
    return {"contact": document.pop("address"), **document, **written}


def _read(document: dict[str, Any]) -> Queued:
    act = Act(document.pop("act", Act.SEND.value))
    return Queued(address=document.pop("contact"), act=act, **document)


def _checked(queued: Queued) -> Queued:
    """Checks that this class could have written it; raises TypeError or ValueError if not."""
    if not isinstance(queued.text, str) or not isinstance(queued.failure, str):
        raise TypeError("not a text")
    names = (queued.id, queued.owner, queued.address)
    if not all(is_line(name) and name for name in names) or not is_line(queued.about):
        raise ValueError("not a name")
    if queued.act is not Act.SEND and not queued.about:
        raise ValueError("about no message")
    if not is_time(queued.queued_at):
        raise ValueError("not a time")
    return queued


def _write_all(file: BinaryIO, content: bytes) -> None:
    """An almost full disk accepts part of a line without an error; writing the rest then fails."""
    while content:
        content = content[file.write(content) :]


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _documents(content: bytes) -> Iterator[dict[str, Any] | None]:
    """Each line's object; None for a damaged line. A last line without its newline was being
    written when the power failed: it was never announced, and is dropped."""
    whole, _, torn = content.rpartition(b"\n")
    if torn:
        log.warning("the outbox ended in half a line, which was never announced")
    for line in whole.split(b"\n") if whole else ():
        try:
            document = parse_json(line)
        except ValueError:
            document = None
        yield document if isinstance(document, dict) else None


def _lock_file(path: Path) -> BinaryIO:
    """Held until closed or until the process ends; raises ProfileInUse if someone else holds it."""
    file = open(os.open(path, os.O_RDWR | os.O_CREAT | PLAIN, 0o600), "r+b", buffering=0)  # noqa: SIM115
    try:
        lock_file(file.fileno())
    except OSError as error:
        file.close()
        raise ProfileInUse("Another window is already using this profile.") from error
    return file
