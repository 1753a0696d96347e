"""Engine: where the chat is, as far as the services, the gate and the live streams know.

Machine is the one that is built in, with the state in this process; others keep it elsewhere.
Everything runs on the loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from chat.core.state.chat_state import ChatState
from chat.core.state.model import Result, Session
from chat.core.state.operations import Operation
from chat.rpc import chat_pb2
from chat.server.feed import Feed
from chat.server.search_store import Hits, Wanted

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


class Engine(Protocol):
    """Whatever it is asked, it raises NotLeader or NoQuorum where it cannot tell."""

    @property
    def feed(self) -> Feed: ...

    def now_ms(self) -> int:
        """The time for a new operation, in milliseconds since 1970."""
        ...

    async def settled(self) -> None:
        """Returns when it is not just about to change who serves."""
        ...

    def require_reader(self) -> None:
        """Raises unless this server may answer from what it knows now."""
        ...

    def user_of(self, token_hash: str) -> str | None:
        """Whose token it is as far as this server knows; not whether it counts for anything."""
        ...

    async def authenticate(self, token_hash: str) -> Session:
        """SessionEnded for one that is unknown, old or over."""
        ...

    async def refuse_taken(self, name: str, request_id: str) -> str:
        """What the name looks like. NameTaken before a password is hashed for nothing, if it, or
        one that looks like it, is somebody's; unless by this very request."""
        ...

    async def read(
        self,
        question: Callable[Concatenate[ChatState, _Arguments], _Answer],
        *arguments: _Arguments.args,
        **named: _Arguments.kwargs,
    ) -> _Answer:
        """What the question is answered with over the state, or the ChatError that it raises. It
        sees the state of one moment; as it may be asked again before it is answered, it changes
        nothing unless it comes to its end, and keeps nothing of the state."""
        ...

    async def write(self, operation: Operation) -> Result:
        """Its result once nothing can undo it any more. Raises the ChatError that it came to, or
        Busy; NotLeader or NoQuorum where nothing is known of what becomes of it."""
        ...

    async def search(self, wanted: Wanted) -> Hits:
        """Where the words are; SearchUnavailable, Busy."""
        ...

    def leader_info(self) -> chat_pb2.GetLeaderInfoResponse:
        """Which servers there are and whom to call."""
        ...
