"""The connection thread: finds the leader, follows its live stream, and when that is lost moves to
the next leader and resumes after the last event taken.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc

from chat import wire
from chat.client.errors import Outdated, Unreachable
from chat.client.events import ClientEvent, Link, LinkChanged
from chat.client.leaders import Leader, Leaders, Survey, error_of, metadata_of, supersedes
from chat.client.timeline import Timeline
from chat.core.errors import ChatError, CursorExpired, NoQuorum, SessionEnded
from chat.core.limits import PAGE_SIZE_MAX, RECONNECT_WAIT_MAX_S, RECONNECT_WAIT_MIN_S
from chat.rpc import chat_pb2

log = logging.getLogger(__name__)

# UX: trouble that lasts this long is no longer a failover.
WAITING_AFTER_S = 5.0
FAILOVER_WAIT_MAX_S = 0.5
LIST_TIMEOUT_S = 3.0
# More are needed only if messages arrive faster than the list can be read.
LIST_TRIES_MAX = 5
# Servers that answer but may not write are asked no more often than this, indefinitely.
NO_QUORUM_WAIT_MAX_S = 2.0


class Gap(Exception):
    """The stream skipped events: subscribe again after the last one taken."""


class Connection:
    """Thread "chat-connection". `connected` is called when the stream is up and caught up,
    `relisted` after events were lost for good, `ended` when the servers ended the session."""

    def __init__(
        self,
        leaders: Leaders,
        timeline: Timeline,
        publish: Callable[[ClientEvent], None],
        connected: Callable[[], None],
        relisted: Callable[[], None],
        ended: Callable[[str], None],
    ) -> None:
        self._leaders = leaders
        self._timeline = timeline
        self._publish = publish
        self._connected, self._relisted, self._ended = connected, relisted, ended
        # Guards `_token`, `_call`, `_stopping`, `_leader`; a leaf, never held over a call.
        self._condition = threading.Condition()
        self._token = ""
        self._call: Any = None
        self._leader: Leader | None = None  # whose stream is up
        self._stopping = False
        self._hurry = threading.Event()  # ends a wait between two tries
        self._heard_at = 0.0
        self._trouble_since = 0.0
        self._wait_s = RECONNECT_WAIT_MIN_S
        self._lost_id = 0
        self._link = Link.OFFLINE
        self._thread = threading.Thread(target=self._run, name="chat-connection", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self.interrupt()
        if self._thread.is_alive():
            self._thread.join()

    def use(self, token: str) -> None:
        """Follow this session's stream; an empty token means none."""
        with self._condition:
            self._token = token
            self._condition.notify()
        self.interrupt()

    def interrupt(self) -> None:
        """End the current stream or wait, and try again at once."""
        self._wait_s = RECONNECT_WAIT_MIN_S
        self._hurry.set()
        with self._condition:
            if self._call is not None:
                self._call.cancel()

    @property
    def link(self) -> Link:
        return self._link

    @property
    def leader(self) -> Leader | None:
        """The server that messages can be sent to: the one whose stream is up."""
        return self._leader if self._link is Link.CONNECTED else None

    def surveyed(self, survey: Survey) -> None:
        """In a network partition a stream may outlive its server's leadership or quorum: what the
        servers report then ends it. A report may also end a long wait."""
        leader, found = self.leader, survey.leader
        if found is None:
            return
        if leader is None:
            if survey.quorum and self._link in (Link.WAITING, Link.NO_QUORUM):
                self.interrupt()
        elif not survey.quorum or supersedes(found, leader):
            self.interrupt()

    def silence_s(self) -> float:
        """Seconds since the live stream last delivered anything; 0 without a stream."""
        return time.monotonic() - self._heard_at if self._call is not None else 0.0

    # --- the thread ---------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._condition:
                if not self._token and not self._stopping:
                    self._show(Link.OFFLINE)
                self._condition.wait_for(lambda: self._token or self._stopping)
                if self._stopping:
                    return
                token = self._token
                self._hurry.clear()
            try:
                self.step(token)
            except Exception:
                log.exception("the connection failed in an unforeseen way")
                self._hurry.wait(FAILOVER_WAIT_MAX_S)

    def step(self, token: str) -> None:
        """One attempt: returns when the stream has ended and the wait after it is over."""
        if not self._trouble_since:
            self._trouble_since = time.monotonic()
        survey = Survey(self._leaders.current)
        if survey.leader is None:
            survey = self._leaders.find()
        leader, refused = survey.leader, False
        try:
            if leader is not None:
                self._follow(leader, token)
        except (SessionEnded, CursorExpired) as error:
            self._refused(error, token)
            return
        except Outdated:
            self._give_up()
            return
        except Gap:
            self._hurry.wait(RECONNECT_WAIT_MIN_S)
            return
        except ChatError as error:
            refused = isinstance(error, NoQuorum)
            self._lose(leader)
        if self._is_current(token):
            self._pause(self._leaders.find() if refused else survey, refused)

    def _follow(self, leader: Leader, token: str) -> None:
        stub = self._leaders.stub(leader.address)
        try:
            self._leaders.check_version(stub, leader.address)
            self._stream(stub, leader, token)
        except grpc.RpcError as failure:
            if isinstance(failure, grpc.Call) and failure.code() is grpc.StatusCode.CANCELLED:
                raise Unreachable("The stream was ended here.") from failure
            raise error_of(failure) from failure
        except ValueError as failure:  # the channel was closed under the call
            raise Unreachable("The client is closing.") from failure

    def _is_current(self, token: str) -> bool:
        """False once someone has signed out or someone else in: what still arrives is not for
        them."""
        return self._token == token and not self._stopping

    def _stream(self, stub: Any, leader: Leader, token: str) -> None:
        after = max(0, self._timeline.cursor)
        newest = int(self._page(stub, token, "", 1).cursor) if after else 0
        behind = newest > after
        if behind:
            self._show(Link.CATCHING_UP, leader.server_id, missed=self._missed(stub, token))
        self._timeline.forget_presence()
        request = chat_pb2.SubscribeRequest(after=after, rooms=True, changes=True, bundles=True)
        for room, position in self._timeline.room_positions().items():
            request.positions.add(room=room, position=position)
        call = stub.Subscribe(request, metadata=metadata_of(token))
        with self._condition:
            if not self._is_current(token):
                call.cancel()
            self._heard_at = time.monotonic()
            self._call = call
        try:
            if not after:
                newest = self._begin(stub, call, token)
            if not behind:
                self._up(leader)
            self._take_all(call, leader, token, after, newest)
        finally:
            with self._condition:
                self._call = self._leader = None
            call.cancel()
        raise Unreachable("The server ended the stream.")

    def _begin(self, stub: Any, call: Any, token: str) -> int:
        """A stream without a cursor begins "now"; its first event says where that is. The list is
        requested after that, so that no message falls between the two, unless nothing had happened
        when it was requested last, nor has since."""
        known, cursor = self._timeline.cursor, int(next(call).cursor)
        if known == 0 < cursor:  # what happened between is not told
            self._timeline.forget()
            self._relisted()
            raise Gap
        if known < 0:
            self._timeline.start_over(cursor)
            self._load_list(stub, token)
        return cursor

    def _take_all(self, call: Any, leader: Leader, token: str, after: int, newest: int) -> None:
        beats = 0 if after else 1
        for event in wire.each_event(call):
            beats += event.HasField("heartbeat")
            self._heard_at = time.monotonic()
            if not self._is_current(token):
                return
            # What a room missed comes between the first two heartbeats.
            live = beats > 1 if event.room else event.cursor > newest
            if not self._timeline.take(event, live=live):
                raise Gap
            if self._link is not Link.CONNECTED and self._timeline.cursor >= newest:
                self._up(leader)

    def _load_list(self, stub: Any, token: str) -> None:
        """All pages as of one moment: if something happened between two of them, a conversation may
        have moved from one to the other, so loading starts over."""
        for _ in range(LIST_TRIES_MAX):
            answer = self._page(stub, token, "", PAGE_SIZE_MAX)
            cursor, conversations = answer.cursor, list(answer.conversations)
            while answer.next_page_token and answer.cursor == cursor:
                answer = self._page(stub, token, answer.next_page_token, PAGE_SIZE_MAX)
                conversations.extend(answer.conversations)
            if answer.cursor == cursor:
                break
        if self._is_current(token):
            self._timeline.load(conversations, cursor)

    def _missed(self, stub: Any, token: str) -> int:
        """How many messages were missed (events cover other things as well). The newest activity
        comes first in the list, so the first page without news ends the count."""
        missed, answer = 0, self._page(stub, token, "", PAGE_SIZE_MAX)
        while True:
            counts = [self._timeline.missed(item) for item in answer.conversations]
            missed += sum(counts)
            if not answer.next_page_token or not all(counts):
                return missed
            answer = self._page(stub, token, answer.next_page_token, PAGE_SIZE_MAX)

    def _page(self, stub: Any, token: str, page_token: str, page_size: int) -> Any:
        request = chat_pb2.ListConversationsRequest(
            page_size=page_size, page_token=page_token, rooms=True
        )
        answer = stub.ListConversations(
            request, timeout=LIST_TIMEOUT_S, metadata=metadata_of(token)
        )
        self._heard_at = time.monotonic()
        return answer

    def _up(self, leader: Leader) -> None:
        self._trouble_since = 0.0
        self._wait_s = RECONNECT_WAIT_MIN_S
        self._lost_id = 0
        self._leader = leader
        self._show(Link.CONNECTED, leader.server_id)
        self._connected()

    def _refused(self, error: ChatError, token: str) -> None:
        if isinstance(error, CursorExpired):
            self._timeline.forget()
            self._relisted()
            return
        with self._condition:
            if self._token != token:
                return
            self._token = ""
        self._ended(token)

    def _give_up(self) -> None:
        """No server understands this client: nothing more is tried until a newer one is started."""
        with self._condition:
            self._token = ""

    def _lose(self, leader: Leader | None) -> None:
        if leader is not None:
            self._lost_id = leader.server_id
            self._leaders.forget(leader)
        if not self._trouble_since:
            self._trouble_since = time.monotonic()

    def _pause(self, survey: Survey, refused: bool) -> None:
        """Wait with jitter: briefly while a view change may be in progress, longer afterwards."""
        now = time.monotonic()
        lasting = now - self._trouble_since >= WAITING_AFTER_S
        longest = FAILOVER_WAIT_MAX_S
        if lasting:
            longest = NO_QUORUM_WAIT_MAX_S if survey.up else RECONNECT_WAIT_MAX_S
        self._wait_s = min(self._wait_s, longest)
        wait = self._wait_s * random.uniform(0.5, 1.0)
        if (refused or lasting) and 0 < survey.up < survey.configured:
            self._show(Link.NO_QUORUM, up=survey.up, configured=survey.configured)
            self._timeline.forget_presence()
        elif lasting and not survey.up:
            self._timeline.forget_presence()
            self._show(Link.WAITING, retry_at=now + wait, configured=survey.configured)
        else:
            self._show(Link.RECONNECTING, self._lost_id)
        self._hurry.wait(wait)
        self._wait_s = min(2 * self._wait_s, longest)

    def _show(
        self,
        link: Link,
        server_id: int = 0,
        retry_at: float = 0.0,
        missed: int = 0,
        up: int = 0,
        configured: int = 0,
    ) -> None:
        if link is self._link and link in (Link.RECONNECTING, Link.OFFLINE):
            return
        self._link = link
        since = self._trouble_since
        self._publish(LinkChanged(link, server_id, retry_at, missed, up, configured, since))
