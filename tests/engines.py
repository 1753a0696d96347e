"""As much of an engine as a live stream or a search needs, around a state in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from chat.core.state.chat_state import ChatState
from chat.server.feed import Feed

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


class StateAlone:
    def __init__(self, state: ChatState) -> None:
        self.state = state
        self.feed = Feed(self._announce)

    def _announce(self, username: str, online: bool) -> None:
        contacts = self.state.conversations.contacts(username)
        self.feed.tell_presence(username, online, contacts)

    async def read(
        self,
        question: Callable[Concatenate[ChatState, _Arguments], _Answer],
        *arguments: _Arguments.args,
        **named: _Arguments.kwargs,
    ) -> _Answer:
        return question(self.state, *arguments, **named)

    def require_reader(self) -> None:
        pass
