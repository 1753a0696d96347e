"""A call that needs a password check: it waits for its turn, and reports its place in the queue.

Made on the calls thread; `cancel` may be called from any. A place in one server's queue is lost
with that server: the call is then repeated at the next one.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc

from chat.client.errors import Cancelled, Unreachable
from chat.client.events import WaitChanged
from chat.client.leaders import ASK_TIMEOUT_S, RETRY_WAIT_MAX_S, Leaders
from chat.client.sentences import retry_after_s
from chat.core.errors import Busy, ChatError, ClusterError, Throttled
from chat.core.limits import (
    CALL_TIMEOUT_S,
    RECONNECT_WAIT_MIN_S,
    SIGN_IN_WAIT_MAX_S,
    WRITE_TIMEOUT_S,
)
from chat.rpc import chat_pb2

# A call is given up when for so long no server has said that it waits.
GIVE_UP_S = 10.0
# A check, and the write that follows it, take no longer once its turn has come.
LOST_AFTER_S = WRITE_TIMEOUT_S + CALL_TIMEOUT_S
# A class of 300 that asks each second would be a call for every fourth millisecond.
ASK_EACH_S, ASK_EACH_FAR_S = 1.0, 2.0
FAR = 20  # so many before it
_CANCEL_WITHIN_S = 0.1


class PasswordCall:
    """One thing a person asked for; `publish` receives WaitChanged for this action."""

    def __init__(
        self, leaders: Leaders, publish: Callable[[WaitChanged], None], action: str
    ) -> None:
        self._leaders, self._publish, self._action = leaders, publish, action
        self._cancelled = threading.Event()
        self._alive_at = self._next_ask = 0.0
        self._is_waiting = False

    def cancel(self) -> None:
        """The call raises Cancelled, unless its answer has already arrived."""
        self._cancelled.set()

    def call(self, method: str, request: Any, token: str = "") -> Any:
        """The answer, however long the queue. Raises ChatError: the caller's errors at once, the
        cluster's when no server has answered for a while."""
        pause_s = RECONNECT_WAIT_MIN_S
        self._lives()
        while True:
            try:
                return self._leaders.attempt(
                    method, request, token, SIGN_IN_WAIT_MAX_S,
                    lambda stub: self._still_waits(stub, request.request_id),
                )  # fmt: skip
            except (Busy, Throttled) as error:
                self._come_back(error)
            except ClusterError:
                if time.monotonic() - self._alive_at + pause_s >= GIVE_UP_S:
                    raise
                self._pause(pause_s * random.uniform(0.5, 1.0))
                pause_s = min(2 * pause_s, RETRY_WAIT_MAX_S)

    def _lives(self) -> None:
        self._alive_at, self._next_ask = time.monotonic(), 0.0

    def _still_waits(self, stub: Any, request_id: str) -> bool:
        """Whether the leader has just said so; then nobody else needs to be asked."""
        if self._cancelled.is_set():
            raise Cancelled
        now = time.monotonic()
        if now < self._next_ask:
            return self._is_waiting
        try:
            request = chat_pb2.GetPlaceRequest(request_id=request_id)
            place = stub.GetPlace(request, timeout=ASK_TIMEOUT_S)
        except (grpc.RpcError, ValueError):  # frozen, gone, closed here, or of an older version
            place = chat_pb2.GetPlaceResponse()
        self._is_waiting = place.waiting
        if place.waiting:
            self._alive_at = now
            self._publish(WaitChanged(self._action, place.before, place.wait_ms / 1000))
        elif now - self._alive_at >= LOST_AFTER_S:
            raise Unreachable("No server answered.")
        is_far = place.before > FAR and not place.wait_ms
        self._next_ask = now + (ASK_EACH_FAR_S if is_far else ASK_EACH_S)
        return self._is_waiting

    def _come_back(self, error: ChatError) -> None:
        until = time.monotonic() + retry_after_s(error) * random.uniform(1.0, 1.1)
        while (left := until - time.monotonic()) > 0:
            crowded = isinstance(error, Busy)
            self._publish(WaitChanged(self._action, wait_s=left, crowded=crowded))
            self._pause(min(1.0, left))
        self._lives()

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._cancelled.is_set():
                raise Cancelled
            if self._leaders.closed.wait(min(_CANCEL_WITHIN_S, left)):
                raise Unreachable("The client is closing.")
