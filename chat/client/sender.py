"""The outbox thread: writes messages to the outbox, announces their rows, and sends them in
order, one at a time for each conversation, with the same id until the servers acknowledge.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc

from chat.client.acts import FORMS, Act, Queued
from chat.client.connection import Connection
from chat.client.events import (
    ClientEvent,
    Failed,
    OutboxChanged,
    OutboxFlushed,
)
from chat.client.leaders import Leader, Leaders, error_of, metadata_of
from chat.client.outbox import Outbox, OutboxError
from chat.client.rows import row_of_queued
from chat.client.sentences import retry_after_s, sentence
from chat.client.timeline import Timeline
from chat.core.errors import Busy, ChatError, ClusterError, NoQuorum, SessionEnded, Throttled
from chat.core.limits import CALL_TIMEOUT_S, RECONNECT_WAIT_MIN_S
from chat.rpc import chat_pb2

log = logging.getLogger(__name__)

_RETRY_WAIT_MAX_S = 2.0


class Sender:
    """Thread "chat-outbox"; all methods but `stop` return at once, from any thread."""

    def __init__(
        self,
        outbox: Outbox,
        leaders: Leaders,
        timeline: Timeline,
        connection: Connection,
        publish: Callable[[ClientEvent], None],
    ) -> None:
        self._outbox, self._leaders, self._timeline = outbox, leaders, timeline
        self._connection, self._publish = connection, publish
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        # All below belongs to the thread; `_unsaved` may be read by others.
        self._owner = self._token = ""
        self._flying: dict[str, tuple[str, Any]] = {}  # address -> message id, its call
        self._not_before: dict[str, float] = {}  # address -> time.monotonic()
        self._wait_s: dict[str, float] = {}
        self._attempted: set[str] = set()  # the servers may have it, or not
        self._taken_back: dict[str, Callable[[], None]] = {}  # while under way
        self._withdrawn: dict[str, Queued] = {}  # discarded, but the servers may have it
        self._unsaved: dict[str, Queued] = {}  # the disk refused them
        self._flushing: set[str] = set()  # waited when the connection came back
        self._flushed = 0
        self._thread = threading.Thread(target=self._run, name="chat-outbox", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Everything handed over earlier is on disk when this returns."""
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def messages(self, owner: str) -> tuple[Queued, ...]:
        """What is waiting or has failed, oldest first, including what could not be saved. Never
        blocks."""
        saved, unsaved = self._outbox.messages(owner), tuple(self._unsaved.values())
        return saved + tuple(each for each in unsaved if each.owner == owner) if unsaved else saved

    def use(self, owner: str, token: str) -> None:
        """Send this owner's messages with this token; empty: send nothing."""
        self._jobs.put(lambda: self._use(owner, token))

    def add(self, queued: Queued) -> None:
        """A new text of a message that was refused is that message, which waits again; a change of
        any other one is sent once the message is there."""
        self._jobs.put(lambda: self._add(queued))

    def retry(self, message_id: str) -> None:
        self._jobs.put(lambda: self._retry(message_id))

    def discard(self, message_id: str, too_late: Callable[[], None] = lambda: None) -> None:
        """`too_late` is called instead if the servers already have the message; while it is on its
        way to them, its outcome decides."""
        self._jobs.put(lambda: self._discard(message_id, too_late))

    def discard_changes(self, message_id: str) -> None:
        """Of this message: nothing that waits to change it is sent."""
        for each in self.messages(self._owner):
            if each.act is not Act.SEND and each.about == message_id:
                self.discard(each.id)

    def forget(self, owner: str) -> None:
        """Drop everything this owner has written that no server has."""
        self._jobs.put(lambda: self._forget_all(owner))

    def connected(self) -> None:
        """The connection is up: send what is waiting without further delay."""
        self._jobs.put(self._connected)

    # --- the thread --------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._idle_s())
            except queue.Empty:
                job = self._nothing
            if job is None:
                self._end()
                return
            try:
                job()
                self._send_due(time.monotonic())
            except Exception:
                log.exception("the outbox failed in an unforeseen way")

    def _end(self) -> None:
        self._drop_calls()
        for message_id in self._taken_back:
            with contextlib.suppress(OSError):
                self._outbox.remove(message_id)

    def _drop_calls(self) -> None:
        calls, self._flying = self._flying, {}
        for _, call in calls.values():
            call.cancel()

    def _nothing(self) -> None:
        """A wait has ended; `_send_due` does the rest."""

    def _idle_s(self) -> float | None:
        due = [at for address, at in self._not_before.items() if address not in self._flying]
        return max(0.01, min(due) - time.monotonic()) if due and self._token else None

    def _send_due(self, now: float) -> None:
        leader = self._connection.leader
        if not self._token or leader is None:
            self._not_before.clear()  # `connected` begins again
            return
        begun: set[str] = set()
        for queued in (*self._withdrawn.values(), *self._outbox.messages(self._owner)):
            if queued.failure or queued.address in begun:
                continue
            begun.add(queued.address)
            if queued.address in self._flying or self._not_before.get(queued.address, 0.0) > now:
                continue
            self._not_before.pop(queued.address, None)
            self._launch(leader, queued)
        for address in set(self._not_before) - begun:
            del self._not_before[address]

    def _launch(self, leader: Leader, queued: Queued) -> None:
        form = FORMS[queued.act]
        method, request = form.method, form.request(queued)
        if queued.id in self._withdrawn:
            request = chat_pb2.DeleteUnreadMessageRequest(message_id=queued.id)
            method = "DeleteUnreadMessage"
        asked = self._timeline.mark()
        metadata = metadata_of(self._token)
        try:
            send: Any = getattr(self._leaders.stub(leader.address), method)
            call = send.future(request, timeout=CALL_TIMEOUT_S, metadata=metadata)
        except (ChatError, ValueError):  # closing, or this client is outdated
            return
        self._attempted.add(queued.id)
        self._flying[queued.address] = (queued.id, call)
        call.add_done_callback(
            lambda done: self._jobs.put(lambda: self._answered(leader, queued, done, asked))
        )

    def _answered(self, leader: Leader, queued: Queued, call: Any, asked: int) -> None:
        dropped = self._flying.get(queued.address) != (queued.id, call)
        if not dropped:
            del self._flying[queued.address]
        if call.cancelled() or (dropped and call.exception() is not None):
            return
        take_back = self._taken_back.pop(queued.id, None)
        try:
            answer = call.result()
        except grpc.RpcError as failure:
            self._not_sent(leader, queued, error_of(failure))
            if take_back is not None:
                self._discard(queued.id, take_back)
            return
        self._wait_s.pop(queued.address, None)
        if queued.owner == self._owner:
            self._timeline.take_answer(answer.message, asked)
        self._outbox.acknowledged(queued.id)
        self._changes_no_more(queued)
        self._settled(queued.id)
        self._count_flushed(queued.id, sent=True)
        self._tell()
        if take_back is not None:
            take_back()

    def _not_sent(self, leader: Leader, queued: Queued, error: ChatError) -> None:
        if queued.owner != self._owner:
            return
        if isinstance(error, SessionEnded):
            self._token = ""
            self._connection.interrupt()  # it will be told so itself
        elif isinstance(error, Throttled):
            self._not_before[queued.address] = time.monotonic() + retry_after_s(error)
        elif isinstance(error, ClusterError):
            self._later(queued.address)
            if not isinstance(error, (NoQuorum, Busy)):
                self._leaders.forget(leader)
                self._connection.interrupt()
        elif queued.id in self._withdrawn:
            self._settled(queued.id)  # they never had it, or it has been read
        else:
            self._settled(queued.id)
            self._refused(queued, sentence(error, queued.act.value, queued.address))

    def _settled(self, message_id: str) -> None:
        """It is now known whether the servers have it."""
        self._attempted.discard(message_id)
        self._withdrawn.pop(message_id, None)

    def _later(self, address: str) -> None:
        wait = self._wait_s.get(address, RECONNECT_WAIT_MIN_S)
        self._not_before[address] = time.monotonic() + wait * random.uniform(0.5, 1.0)
        self._wait_s[address] = min(2 * wait, _RETRY_WAIT_MAX_S)

    def _refused(self, queued: Queued, reason: str) -> None:
        try:
            self._outbox.fail(queued.id, reason)
        except (OSError, OutboxError) as error:
            log.warning("a refused message could not be marked on disk: %s", error)
            self._later(queued.address)  # it would be sent again at once
            return
        self._announce(replace(queued, failure=reason))
        self._count_flushed(queued.id, sent=False)
        self._tell()

    def _forget_all(self, owner: str) -> None:
        try:
            self._outbox.forget(owner)
        except OSError as error:
            log.warning("the outbox of a deleted account is still on this disk: %s", error)

    def _use(self, owner: str, token: str) -> None:
        self._drop_calls()
        self._taken_back.clear()
        self._attempted.clear()
        self._withdrawn.clear()
        self._not_before.clear()
        self._flushing.clear()
        self._owner, self._token = owner, token
        self._tell()

    def _add(self, queued: Queued) -> None:
        try:
            added = self._outbox.add(queued)
        except (OSError, OutboxError) as error:
            reason = str(error)
            if isinstance(error, OSError):
                reason = f"It could not be saved on this computer's disk ({error.strerror})."
            self._unsaved[queued.id] = replace(queued, failure=reason)
            self._publish(Failed(queued.act.value, reason, address=queued.address))
            added = self._unsaved[queued.id]
        if added.id != queued.id:
            self._not_before.pop(added.address, None)
        self._announce(added)
        self._tell()

    def _announce(self, queued: Queued) -> None:
        """If its author was signed out in the meantime, nobody sees the row."""
        if queued.owner != self._owner:
            return
        if queued.act is Act.SEND:
            self._timeline.announce(row_of_queued(queued))
        else:
            self._timeline.waits_differently(queued.about)

    def _changes_no_more(self, queued: Queued) -> None:
        """It is out of the outbox: what it was about shows nothing more that waits."""
        if queued.act is not Act.SEND and queued.owner == self._owner:
            self._timeline.waits_differently(queued.about)

    def _retry(self, message_id: str) -> None:
        unsaved = self._unsaved.pop(message_id, None)
        if unsaved is not None:
            self._add(replace(unsaved, failure=""))
            return
        known = self._outbox.get(message_id)
        if known is None:
            return
        try:
            self._outbox.retry(message_id)
        except (OSError, OutboxError) as error:
            self._publish(Failed("retry", f"This cannot be saved: {error}", address=known.address))
            return
        self._not_before.pop(known.address, None)
        self._announce(replace(known, failure=""))
        self._tell()

    def _discard(self, message_id: str, too_late: Callable[[], None]) -> None:
        known = self._unsaved.pop(message_id, None) or self._outbox.get(message_id)
        if known is None or self._timeline.is_sent(message_id):
            too_late()
            return
        if self._flying.get(known.address, ("",))[0] == message_id:
            self._taken_back[message_id] = too_late
            return
        try:
            self._outbox.remove(message_id)
        except (OSError, OutboxError) as error:
            self._publish(Failed("discard", f"This cannot be saved: {error}", "", known.address))
            return
        if known.act is not Act.SEND:  # what servers have of it stays
            self._attempted.discard(message_id)
            self._changes_no_more(known)
        else:
            if message_id in self._attempted:
                self._withdrawn[message_id] = known
            self._timeline.removed(known.address, message_id)
        self._count_flushed(message_id, sent=False)
        self._tell()

    def _connected(self) -> None:
        self._drop_calls()  # a frozen server would answer them late or never
        self._not_before.clear()
        self._wait_s.clear()
        waiting = self._outbox.messages(self._owner)
        self._flushing = {item.id for item in waiting if item.act is Act.SEND and not item.failure}
        self._flushed = 0

    def _count_flushed(self, message_id: str, sent: bool) -> None:
        if message_id not in self._flushing:
            return
        self._flushing.discard(message_id)
        self._flushed += sent
        if not self._flushing and self._flushed:
            self._publish(OutboxFlushed(self._flushed))

    def _tell(self) -> None:
        waiting = self.messages(self._owner)
        failed = sum(bool(item.failure) for item in waiting)
        self._publish(OutboxChanged(len(waiting) - failed, failed))
