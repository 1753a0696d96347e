"""AccountCalls: what a person sees and settles about their own account, but for its password.

No method blocks; answers come as events, as those of the session whose part this is.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from chat.client import events
from chat.client.events import ClientEvent, DeviceEntry
from chat.client.room_calls import Ask
from chat.core.errors import ChatError
from chat.rpc import chat_pb2 as pb

# As long as somebody waits for what they asked for (seconds).
_WRITE_WITHIN_S: Final = 10.0
_READ_WITHIN_S: Final = 4.0


class AccountCalls:
    """`ask`, `read` and `call` are as those of RoomCalls."""

    def __init__(
        self,
        ask: Ask,
        read: Ask,
        call: Callable[[str, Any, float], Any],
        publish: Callable[[ClientEvent], None],
    ) -> None:
        self._ask, self._read, self._call, self._publish = ask, read, call, publish

    def list_devices(self) -> None:
        """DevicesListed or Failed."""
        self._read("list_devices", self._list_devices)

    def end_sessions(self, session_id: str = "") -> None:
        """DevicesListed with those that are left, or Failed. Of one device, or (empty) of all but
        this one."""
        request = pb.EndSessionsRequest(session_id=session_id, request_id=str(uuid.uuid4()))

        def job() -> None:
            self._call("EndSessions", request, _WRITE_WITHIN_S)
            self._list_devices()

        self._ask("end_sessions", job)

    def get_privacy(self) -> None:
        """PrivacyShown or Failed."""
        self._read("get_privacy", self._get_privacy)

    def hide_presence(self, hidden: bool = True) -> None:
        """PrivacyShown, also where it failed: as it is; then Failed."""
        request = pb.HidePresenceRequest(hidden=hidden, request_id=str(uuid.uuid4()))
        self._settle("hide_presence", "HidePresence", request)

    def block(self, username: str, blocked: bool = True) -> None:
        """PrivacyShown, and ConversationUpdated where there is one; also Failed, as above."""
        request = pb.BlockUserRequest(
            username=username, blocked=blocked, request_id=str(uuid.uuid4())
        )
        self._settle("block", "BlockUser", request)

    def _settle(self, action: str, method: str, request: Any) -> None:
        def job() -> None:
            try:
                self._call(method, request, _WRITE_WITHIN_S)
            finally:
                with suppress(ChatError):
                    self._get_privacy()

        self._ask(action, job)

    def _get_privacy(self) -> None:
        answer = self._call("GetPrivacy", pb.GetPrivacyRequest(), _READ_WITHIN_S)
        self._publish(events.PrivacyShown(answer.presence_hidden, tuple(answer.blocked)))

    def _list_devices(self) -> None:
        answer = self._call("ListSessions", pb.ListSessionsRequest(), _READ_WITHIN_S)
        # This device first, then those that were in use last.
        ordered = sorted(answer.sessions, key=lambda s: (s.current, s.online, _seconds(s.used_at)))
        self._publish(events.DevicesListed(tuple(map(_device, reversed(ordered)))))


def _device(session: pb.Session) -> DeviceEntry:
    return DeviceEntry(
        session.session_id,
        session.device_name,
        _seconds(session.opened_at),
        _seconds(session.used_at),
        session.online,
        session.current,
    )


def _seconds(moment: Any) -> float:
    return float(moment.ToMilliseconds() / 1000)
