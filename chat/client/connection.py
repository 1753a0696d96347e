"""The connection thread: finds the leader, follows the live stream, resumes it after the last
event taken, and moves to the next leader when one is lost.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc

from chat import __version__
from chat.client.events import ClientEvent, Link, LinkChanged, VersionMismatch
from chat.client.leaders import Leader, Leaders, Survey, error_of, metadata_of
from chat.client.sentences import Unreachable
from chat.client.timeline import Timeline
from chat.core.errors import ChatError, CursorExpired, NoQuorum, SessionEnded
from chat.core.limits import PAGE_SIZE_MAX, RECONNECT_WAIT_MAX_S, RECONNECT_WAIT_MIN_S
from chat.rpc import chat_pb2

log = logging.getLogger(__name__)

# UX: a trouble that lasts this long is no failover any more.
WAITING_AFTER_S = 5.0
FAILOVER_WAIT_MAX_S = 0.5
LIST_TIMEOUT_S = 3.0


class Gap(Exception):
    """The stream left out events: subscribe again after the last one taken."""


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
        # Guards `_token`, `_call`, `_stopping`; a leaf, never held over a call.
        self._condition = threading.Condition()
        self._token = ""
        self._call: Any = None
        self._stopping = False
        self._hurry = threading.Event()  # ends a wait between two tries
        self._heard_at = 0.0
        self._trouble_since = 0.0
        self._wait_s = RECONNECT_WAIT_MIN_S
        self._lost_id = 0
        self._version_checked = False
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
        """Follow the stream of this session; an empty token ends it."""
        with self._condition:
            self._token = token
            self._condition.notify()
        self.interrupt()

    def interrupt(self) -> None:
        """End the stream or the wait that goes on, and try again at once."""
        self._hurry.set()
        with self._condition:
            if self._call is not None:
                self._call.cancel()

    @property
    def link(self) -> Link:
        return self._link

    def silence_s(self) -> float:
        """Seconds since the live stream last said something; 0 without a stream."""
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
        survey = Survey(self._leaders.current, 0, 0)
        if survey.leader is None:
            survey = self._leaders.find()
        leader, refused = survey.leader, False
        try:
            if leader is not None:
                self._follow(leader, token)
        except (SessionEnded, CursorExpired) as error:
            self._refused(error, token)
            return
        except Gap:
            self._hurry.wait(RECONNECT_WAIT_MIN_S)
            return
        except ChatError as error:
            refused = isinstance(error, NoQuorum)
            self._lose(leader)
        if token == self._token and not self._stopping:
            self._pause(survey, refused)

    def _follow(self, leader: Leader, token: str) -> None:
        stub = self._leaders.stub(leader.address)
        try:
            self._check_version(stub)
            newest = self._catch_up_list(stub, token)
            self._stream(stub, leader, token, newest)
        except grpc.RpcError as failure:
            if isinstance(failure, grpc.Call) and failure.code() is grpc.StatusCode.CANCELLED:
                raise Unreachable("The stream was ended here.") from failure
            raise error_of(failure) from failure
        except ValueError as failure:  # the channel was closed under the call
            raise Unreachable("The client is closing.") from failure

    def _check_version(self, stub: Any) -> None:
        if self._version_checked:
            return
        request = chat_pb2.CheckVersionRequest(version=__version__)
        answer = stub.CheckVersion(request, timeout=LIST_TIMEOUT_S)
        self._version_checked = True
        if not answer.compatible:
            self._publish(
                VersionMismatch(__version__, answer.server_version, answer.minimum_client_version)
            )

    def _catch_up_list(self, stub: Any, token: str) -> int:
        """The newest cursor; the first time the whole list is loaded with it."""
        metadata = metadata_of(token)
        if self._timeline.cursor < 0:
            return self.load_list(stub, token)
        request = chat_pb2.ListConversationsRequest(page_size=1)
        answer = stub.ListConversations(request, timeout=LIST_TIMEOUT_S, metadata=metadata)
        return int(answer.cursor)

    def load_list(self, stub: Any, token: str) -> int:
        """Load every page; the cursor of the first one is the list's."""
        conversations: list[chat_pb2.Conversation] = []
        cursor, page_token = -1, ""
        while cursor < 0 or page_token:
            request = chat_pb2.ListConversationsRequest(
                page_size=PAGE_SIZE_MAX, page_token=page_token
            )
            answer = stub.ListConversations(
                request, timeout=LIST_TIMEOUT_S, metadata=metadata_of(token)
            )
            cursor = answer.cursor if cursor < 0 else cursor
            conversations.extend(answer.conversations)
            page_token = answer.next_page_token
        self._timeline.load(conversations, cursor)
        return cursor

    def _stream(self, stub: Any, leader: Leader, token: str, newest: int) -> None:
        missed = max(0, newest - self._timeline.cursor)
        if missed:
            self._show(Link.CATCHING_UP, leader.server_id, missed=missed)
        self._timeline.forget_presence()
        request = chat_pb2.SubscribeRequest(after=self._timeline.cursor)
        call = stub.Subscribe(request, metadata=metadata_of(token))
        with self._condition:
            if self._stopping or self._token != token:
                call.cancel()
            self._heard_at = time.monotonic()
            self._call = call
        try:
            if not missed:
                self._up(leader)
            for event in call:
                self._heard_at = time.monotonic()
                if not self._timeline.take(event, live=event.cursor > newest):
                    self._gap(stub, token)
                if self._link is not Link.CONNECTED and self._timeline.cursor >= newest:
                    self._up(leader)
        finally:
            with self._condition:
                self._call = None
            call.cancel()
        raise Unreachable("The server ended the stream.")

    def _gap(self, stub: Any, token: str) -> None:
        """Cursor 0 means "from now on", so a first event before the stream began needs a list."""
        if self._timeline.cursor == 0:
            self._timeline.start_over(self.load_list(stub, token))
            self._relisted()
        raise Gap

    def _up(self, leader: Leader) -> None:
        self._trouble_since = 0.0
        self._wait_s = RECONNECT_WAIT_MIN_S
        self._lost_id = 0
        self._show(Link.CONNECTED, leader.server_id)
        self._connected()

    def _refused(self, error: ChatError, token: str) -> None:
        if isinstance(error, CursorExpired):
            self._timeline.start_over(-1)
            self._relisted()
            return
        with self._condition:
            if self._token != token:
                return
            self._token = ""
        self._ended(token)

    def _lose(self, leader: Leader | None) -> None:
        if leader is not None:
            self._lost_id = leader.server_id
            self._leaders.forget(leader)
        if not self._trouble_since:
            self._trouble_since = time.monotonic()

    def _pause(self, survey: Survey, refused: bool) -> None:
        """Wait with jitter: shortly while a view change may be going on, longer afterwards."""
        now = time.monotonic()
        lasting = now - self._trouble_since >= WAITING_AFTER_S
        longest = RECONNECT_WAIT_MAX_S if lasting and not survey.up else FAILOVER_WAIT_MAX_S
        self._wait_s = min(self._wait_s, longest)
        wait = self._wait_s * random.uniform(0.5, 1.0)
        if refused or (lasting and survey.up):
            self._show(Link.NO_QUORUM, up=survey.up, configured=survey.configured)
        elif lasting:
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
