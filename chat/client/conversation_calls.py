"""ConversationCalls: what a person does about a conversation as a whole, but for reading it.

No method blocks; answers come as events, as those of the session whose part this is.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from chat.client.room_calls import Ask
from chat.core.errors import ChatError
from chat.core.limits import TYPING_TOLD_EVERY_S
from chat.rpc import chat_pb2 as pb

# As long as somebody waits for what they asked for (seconds), and as it is worth telling.
_WRITE_WITHIN_S = 10.0
_TYPING_WITHIN_S = 2.0


class ConversationCalls:
    """`ask`, `read` and `call` are as those of RoomCalls; `is_connected` says whether a server is
    there to tell others something of the moment."""

    def __init__(
        self,
        ask: Ask,
        read: Ask,
        call: Callable[[str, Any, float], Any],
        is_connected: Callable[[], bool],
    ) -> None:
        self._ask, self._read, self._call = ask, read, call
        self._is_connected = is_connected
        self._told_at: float | None = None  # when others were last told; time.monotonic()

    def mute(self, address: str, muted: bool = True) -> None:
        """ConversationUpdated follows from the stream, or Failed."""
        request = pb.MuteConversationRequest(
            contact=address, muted=muted, request_id=str(uuid.uuid4())
        )
        self._ask("mute", lambda: self._call("MuteConversation", request, _WRITE_WITHIN_S), address)

    def typing(self, address: str) -> None:
        """To be called with each key: the others are told now and then, if they can be."""
        now, told_at = time.monotonic(), self._told_at
        if not self._is_connected():
            return
        if told_at is not None and now - told_at < TYPING_TOLD_EVERY_S:
            return
        self._told_at = now

        def job() -> None:
            with suppress(ChatError):
                self._call("SetTyping", pb.SetTypingRequest(contact=address), _TYPING_WITHIN_S)

        self._read("typing", job, address)
