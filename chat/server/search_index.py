"""SearchIndex: the thread that keeps the index of all messages and answers searches from it.

The index is derived from the state and may be deleted at any time: it is then made anew, the
newest messages first, beside everything else. Whatever becomes of it, the chat goes on.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from chat.core import limits
from chat.core.errors import SearchUnavailable
from chat.core.replication.chain import UNKNOWN
from chat.core.replication.messages import Durable, Entry, Position
from chat.core.state.chat_state import ChatState
from chat.core.state.model import MessageEvent, MessagePosted, Outcome
from chat.core.state.newest_first import newest_first, place_of
from chat.core.state.operations.expire_messages import ExpireMessages
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.tables.records import emptied
from chat.server.memory import tell_if_lacking
from chat.server.search_store import Hits, Said, SearchStore, Wanted, is_supported
from chat.system import free_bytes, give_memory_back

_log = logging.getLogger(__name__)
_STARTING: Final = "The server has only just started; try again in a moment."
_UNSUPPORTED: Final = (
    "This server cannot search: its SQLite is older than 3.34, or was built without FTS5."
)
_BROKEN: Final = "The server's index for searching has failed and is made anew; try again later."


class _Touched(NamedTuple):
    """A message that was said, or whose text is another now."""

    said: Said
    is_new: bool
    position: Position  # of the entry that did it


class _Beginning(NamedTuple):
    """A state that was read or taken on, and the log that led to it (None = nobody knows)."""

    state: ChatState
    log: Durable | None


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done, in this order."""

    beginning: _Beginning | None
    touched: list[_Touched]
    position: Position  # up to which the log is then read
    search: tuple[Wanted, Future[Hits]] | None
    is_last: bool


class SearchIndex:
    """`begin` and `applied` are for the event loop, `search` is awaited there; `stop` waits for the
    thread and belongs on another one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Guards the fields below; a leaf, never held over a system call.
        self._changed = threading.Condition()
        self._beginning: _Beginning | None = None
        self._touched: deque[_Touched] = deque()
        self._searches: deque[tuple[Wanted, Future[Hits]]] = deque()
        self._position = Position()
        self._noted = 0  # the index of the entry up to which the thread knows that it has read
        self._stopping = False
        self._thread: threading.Thread | None = None
        # The thread's own.
        self._state: ChatState | None = None
        self._store: SearchStore | None = None
        # Searches under way: one that takes long lets others go first between its steps.
        self._looks: deque[tuple[Generator[None, None, Hits], Future[Hits]]] = deque()
        self._passed = 0  # so often others went first
        self._older: Iterator[Said] | None = None  # that are still to be read
        self._read = 0  # of them
        self._rest_s = 0.0
        self._problem = _STARTING  # why there is no store
        self._retry_at: float | None = None
        self._retry_s = limits.SEARCH_RETRY_S

    # --- for the event loop ---------------------------------------------------------------

    def begin(self, state: ChatState, log: Durable) -> None:
        """The state is another one from now on: that of `log` up to its commit index."""
        with self._changed:
            self._beginning = _Beginning(state, log)
            self._touched.clear()
            self._position = log.committed
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="search-index", daemon=True)
            self._thread.start()

    def applied(self, position: Position, outcome: Outcome) -> None:
        """An entry was applied, and came to this. Each event that is about a message
        (`MessageEvent`) says that it is there, or is another now: an operation that changes a text
        has to tell one, and nothing else."""
        with self._changed:
            self._position = position
            for said, is_new in _said(outcome):
                self._touched.append(_Touched(said, is_new, position))
            count = len(self._touched)
            if count > limits.SEARCH_QUEUE_MESSAGES_MAX:
                self._lose()
            elif count in (1, limits.SEARCH_BATCH_MESSAGES_MAX) or self._lags():
                self._changed.notify()

    def _lose(self) -> None:
        """So much has come at once that to read everything anew is no more work."""
        self._touched.clear()
        if self._beginning is None and self._state is not None:
            self._beginning = _Beginning(self._state, None)
        self._changed.notify()

    async def search(self, wanted: Wanted) -> Hits:
        """In all that was applied until now. SearchUnavailable."""
        answer: Future[Hits] = Future()
        with self._changed:
            if self._stopping or self._thread is None:
                raise SearchUnavailable(_STARTING)
            self._searches.append((wanted, answer))
            self._changed.notify()
        return await asyncio.wrap_future(answer)

    def stop(self) -> None:
        """Returns when the file is closed. What was applied last may not be in it; it is read
        again at the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    # --- the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        # As urgent as the loop: if all others that run on this computer went before it, they would
        # also go before the loop, whenever that waits for the interpreter, which this thread holds
        # while it puts a batch into JSON.
        try:
            while not (work := self._next()).is_last:
                self._do(work)
            self._do(work)
        except Exception as error:
            if not tell_if_lacking(error):
                _log.exception("the index for searching has ended")
        finally:
            self._end()

    def _end(self) -> None:
        with self._changed:
            self._stopping = True
            searches = tuple(self._searches)
            self._searches.clear()
        self._close()
        for _, answer in searches:
            _refuse(answer, _STARTING)

    def _next(self) -> _Work:
        """Waits until there is something to do, and a moment more for what comes with it."""
        with self._changed:
            if self._older is not None and self._store is not None:
                self._changed.wait_for(self._is_urgent, self._rest_s)
            else:
                self._changed.wait_for(self._is_wanted, self._until_retry_s())
                self._changed.wait_for(self._is_urgent, self._patience_s())
            beginning, self._beginning = self._beginning, None
            touched = self._take_touched()
            position = touched[-1].position if self._touched else self._position
            self._noted = position.index
            ready = self._searches and not self._touched
            search = self._searches.popleft() if ready else None
            return _Work(beginning, touched, position, search, self._stopping)

    def _take_touched(self) -> list[_Touched]:
        taken: list[_Touched] = []
        size = 0
        while self._touched and len(taken) < limits.SEARCH_BATCH_MESSAGES_MAX:
            taken.append(self._touched.popleft())
            size += len(taken[-1].said.message.text)
            if size > limits.SEARCH_BATCH_BYTES_MAX:
                break
        return taken

    def _is_wanted(self) -> bool:
        return self._is_urgent() or bool(self._touched) or self._lags()

    def _is_urgent(self) -> bool:
        is_full = len(self._touched) >= limits.SEARCH_BATCH_MESSAGES_MAX
        asked = bool(self._searches or self._looks)
        return is_full or asked or self._beginning is not None or self._stopping

    def _lags(self) -> bool:
        return self._position.index - self._noted >= limits.SEARCH_POSITION_ENTRIES

    def _until_retry_s(self) -> float | None:
        return None if self._retry_at is None else max(0.0, self._retry_at - time.monotonic())

    def _patience_s(self) -> float:
        return limits.SEARCH_BATCH_WAIT_S if self._touched else 0.0

    def _do(self, work: _Work) -> None:
        """The thread outlives every error of the file."""
        try:
            if work.beginning is not None:
                self._begin(work.beginning)
            elif self._retry_at is not None and time.monotonic() >= self._retry_at:
                self._make_anew()
            if self._store is not None:
                self._write(self._store, work)
            if work.search is not None:
                self._answer(*work.search)
            self._go_on()
            if self._store is not None and self._older is not None and not work.is_last:
                self._read_older(self._store, self._older)
        except Exception as error:
            if not isinstance(error, (sqlite3.Error, OSError)) and not tell_if_lacking(error):
                _log.exception("the index for searching has a fault of its own")
            self._set_aside(error)
            if work.search is not None:
                _refuse(work.search[1], self._problem)

    # --- beginning --------------------------------------------------------------------------

    def _begin(self, beginning: _Beginning) -> None:
        is_another = self._state is not None and self._state is not beginning.state
        self._state = beginning.state
        self._close()
        if is_another:
            give_memory_back()  # nothing else holds what was there before
        if not is_supported():
            if self._problem is not _UNSUPPORTED:
                _log.warning("%s Everything else works.", _UNSUPPORTED)
            self._problem = _UNSUPPORTED
            return
        missed = None if beginning.log is None else self._open(beginning.log)
        if missed and any(isinstance(each.operation, ExpireMessages) for each in missed):
            missed = None  # which messages these were is not known any more
        if missed is None or self._store is None:
            self._make_anew()
            return
        touched = [*_touched_by(missed, beginning.state)]
        while touched:
            part = touched[: limits.SEARCH_BATCH_MESSAGES_MAX]
            touched = touched[limits.SEARCH_BATCH_MESSAGES_MAX :]
            self._store.write(*_sorted(part), place_text(part[-1].position))

    def _open(self, log: Durable) -> tuple[Entry, ...] | None:
        """What of the log is not in the index; None where that cannot be known, because the index
        is not whole, or is not of this log as far as that reaches back."""
        if not self.path.exists():
            return None
        try:
            self._store = store = SearchStore(self.path)
        except sqlite3.DatabaseError:
            return None
        return _missed(store.position, log) if store.is_ours and store.is_complete else None

    def _make_anew(self) -> None:
        assert self._state is not None, "no store is made before there is a state"
        self._close()
        SearchStore.delete(self.path)
        self._store, self._retry_at = SearchStore(self.path), None
        self._older = (Said(place, message) for place, message in newest_first(self._state))
        self._read = 0

    def _set_aside(self, error: Exception) -> None:
        self._close()
        self._problem = _BROKEN
        _log.warning(
            "the index for searching failed (%s: %s); it is made anew in %d s",
            self.path,
            error,
            self._retry_s,
        )
        self._retry_at = time.monotonic() + self._retry_s
        self._retry_s = min(2 * self._retry_s, limits.SEARCH_RETRY_MAX_S)
        with suppress(OSError):
            SearchStore.delete(self.path)  # at once: the disk may be full of it

    def _close(self) -> None:
        store, self._store, self._older = self._store, None, None
        while self._looks:
            self._looks.popleft()[1].set_exception(SearchUnavailable(_STARTING))
        if store is not None:
            with suppress(sqlite3.Error):
                store.close()

    # --- writing and searching ----------------------------------------------------------------

    def _write(self, store: SearchStore, work: _Work) -> None:
        far = _index_of(store.position) + limits.SEARCH_POSITION_ENTRIES <= work.position.index
        if work.touched or far or work.is_last:
            self._leave_room()
            store.write(*_sorted(work.touched), place_text(work.position))

    def _leave_room(self) -> None:
        """OSError where the disk is all but full: what is left of it is the store's."""
        if free_bytes(self.path.parent) < limits.SEARCH_FREE_BYTES_MIN:
            raise OSError(errno.ENOSPC, "the disk is nearly full", str(self.path))

    def _read_older(self, store: SearchStore, older: Iterator[Said]) -> None:
        """Some, and then it rests for as long: what else runs here wants the processor, too."""
        began, size = time.monotonic(), 0
        batch: list[Said] = []
        for said in islice(older, limits.SEARCH_BATCH_MESSAGES_MAX):
            batch.append(said)
            size += len(said.message.text)
            if size > limits.SEARCH_BATCH_BYTES_MAX:
                break
        self._leave_room()
        store.write_older(batch)
        self._read += len(batch)
        if not batch:
            store.end_of_older()
            self._older, self._retry_s = None, limits.SEARCH_RETRY_S
            if self._read:
                _log.info("the index for searching was made of %d messages", self._read)
        self._rest_s = (time.monotonic() - began) * limits.SEARCH_REST_RATIO

    def _answer(self, wanted: Wanted, answer: Future[Hits]) -> None:
        if self._store is None:
            _refuse(answer, self._problem)
        elif answer.set_running_or_notify_cancel():
            self._look(self._store.find(wanted), answer, 0.0)

    def _go_on(self) -> None:
        """With the search that has waited for longest; but what comes anew goes before, because
        most of it is done in one step."""
        self._passed += 1
        if self._looks and (not self._searches or self._passed > limits.SEARCHES_MAX):
            self._passed = 0
            self._look(*self._looks.popleft(), limits.SEARCH_STEP_S)

    def _look(self, steps: Generator[None, None, Hits], answer: Future[Hits], for_s: float) -> None:
        """One step, or as many as fit; what is then not done stands at the end."""
        until = time.monotonic() + for_s
        try:
            next(steps)
            while time.monotonic() < until:
                next(steps)
        except StopIteration as done:
            answer.set_result(done.value)
        except BaseException:
            answer.set_exception(SearchUnavailable(_BROKEN))
            raise
        else:
            self._looks.append((steps, answer))


def _refuse(answer: Future[Hits], sentence: str) -> None:
    """Unless somebody was told already."""
    if answer.done():
        return
    if answer.running() or answer.set_running_or_notify_cancel():
        answer.set_exception(SearchUnavailable(sentence))


def _said(outcome: Outcome) -> Iterator[tuple[Said, bool]]:
    told = outcome.told.kind if outcome.told is not None else None
    if isinstance(told, MessageEvent):
        place = place_of(told.message.sender, told.message.address)
        yield Said(place, told.message), isinstance(told, MessagePosted)
    for each in outcome.rooms:
        event = each.event.kind
        if isinstance(event, MessageEvent):
            yield Said(each.event.room, event.message), isinstance(event, MessagePosted)
    for message in outcome.expired:
        two = place_of(message.sender, message.address)
        yield Said(outcome.rooms[0].event.room if outcome.rooms else two, emptied(message)), False


def _touched_by(entries: tuple[Entry, ...], state: ChatState) -> Iterator[_Touched]:
    """The messages that these are about, as they are by now."""
    for entry in entries:
        message = state.conversations.by_id.get(getattr(entry.operation, "message_id", ""))
        if message is not None:
            is_in_room = message.address in state.rooms.by_name
            place = message.address if is_in_room else place_of(message.sender, message.address)
            is_new = isinstance(entry.operation, PostMessage)
            yield _Touched(Said(place, message), is_new, entry.position)


def _sorted(touched: list[_Touched]) -> tuple[list[Said], list[Said]]:
    """What is new and what has changed, each message once, as it was last."""
    new = {each.said.message.id: each.said for each in touched if each.is_new}
    changed = {each.said.message.id: each.said for each in touched if not each.is_new}
    return list(new.values()), list(changed.values())


def place_text(position: Position) -> str:
    """How the index writes down up to where it has read the log."""
    view = position.view
    return f"{position.index} {view.number} {view.proposer} {position.link.hex()}"


def _index_of(written: str) -> int:
    return int(written.partition(" ")[0] or 0)


def _missed(written: str, log: Durable) -> tuple[Entry, ...] | None:
    """Committed entries after a place that was written down; None unless the log has that place."""
    if not written:
        return None
    index = _index_of(written)
    place = _place_in(log, index)
    if place is None or not _is_same(written, place):
        return None
    return tuple(entry for entry in log.entries if index < entry.index <= log.commit)


def _place_in(log: Durable, index: int) -> Position | None:
    base = log.base if log.entries else log.last
    if index == base.index:
        return base
    # It may be beyond what this server's disk knows to be committed: it was, or it were not read.
    return next((entry.position for entry in log.entries if entry.index == index), None)


def _is_same(written: str, place: Position) -> bool:
    """Links are compared where both are known (rule 12)."""
    *where, link = written.split(" ")
    *other, known = place_text(place).split(" ")
    return where == other and (not link or place.link == UNKNOWN or link == known)
