"""MessageService: the part of ChatService by which messages live on: edits, reactions, typing, and
what is muted.

Every method runs on the loop's thread; a ChatError that one raises becomes its status.
"""

from __future__ import annotations

import time
from collections.abc import Set
from typing import Any

from chat.core.state.chat_state import ChatState
from chat.core.state.model import Message
from chat.core.state.operations import Operation
from chat.core.state.operations.edit_message import EditMessage
from chat.core.state.operations.mute_conversation import MuteConversation
from chat.core.state.operations.react_to_message import ReactToMessage
from chat.rpc import chat_pb2 as pb
from chat.server import checks
from chat.server.allowance import Allowances
from chat.server.auth import caller
from chat.server.engine import Engine
from chat.server.feed import Typing
from chat.server.room_service import RoomService
from chat.server.typists import Typists
from chat.server.viewer import Viewer


class MessageService(RoomService):
    def __init__(self, engine: Engine, allowances: Allowances) -> None:
        super().__init__(engine, allowances)
        self._typists = Typists()

    async def _written(self, operation: Operation) -> pb.Message:
        """The message that it came to, as the caller sees it."""
        message = await self._engine.write(operation)
        assert isinstance(message, Message)
        return await self._engine.read(_as_seen, caller().username, message)

    async def EditMessage(
        self, request: pb.EditMessageRequest, _context: Any
    ) -> pb.EditMessageResponse:
        operation = EditMessage(
            checks.request_id(request.message_id, "message_id", required=True),
            caller().username,
            checks.message_text(request.text),
            checks.request_id(request.request_id, required=True),
            self._engine.now_ms(),
        )
        self._spend(len(operation.text.encode()))
        return pb.EditMessageResponse(message=await self._written(operation))

    async def React(self, request: pb.ReactRequest, _context: Any) -> pb.ReactResponse:
        operation = ReactToMessage(
            checks.request_id(request.message_id, "message_id", required=True),
            caller().username,
            checks.emoji(request.emoji),
            int(request.on),
            checks.request_id(request.request_id, required=True),
            self._engine.now_ms(),
        )
        self._spend(len(operation.emoji.encode()))
        return pb.ReactResponse(message=await self._written(operation))

    async def MuteConversation(
        self, request: pb.MuteConversationRequest, _context: Any
    ) -> pb.MuteConversationResponse:
        operation = MuteConversation(
            caller().username,
            checks.address(request.contact, "contact"),
            int(request.muted),
            checks.request_id(request.request_id, required=True),
            self._engine.now_ms(),
        )
        self._spend()
        await self._engine.write(operation)
        return pb.MuteConversationResponse()

    async def SetTyping(self, request: pb.SetTypingRequest, _context: Any) -> pb.SetTypingResponse:
        me, address = caller().username, checks.address(request.contact, "contact")
        others, contact = await self._engine.read(_who_see, me, address)
        if self._typists.may_say(me, time.monotonic()):
            self._feed.mention(Typing(me, contact), others)
        return pb.SetTypingResponse()


def _as_seen(state: ChatState, me: str, message: Message) -> pb.Message:
    return Viewer(state, me).message(message)


def _who_see(state: ChatState, me: str, address: str) -> tuple[Set[str], str]:
    """As `_others`, but those alone who may see that the user is there."""
    others, contact = _others(state, me, address)
    return {name for name in others if state.accounts.shows_presence(me, name)}, contact


def _others(state: ChatState, me: str, address: str) -> tuple[Set[str], str]:
    """Of the conversation at this address, and where they find it; NoSuchUser, NotAMember,
    NoSuchRoom."""
    rooms, conversations = state.rooms, state.conversations
    if rooms.is_one(address):
        room = rooms.joined(me, address)
        return room.members.keys() - {me}, room.name
    conversation = conversations.at(state.accounts.known(me), address)
    return (conversation.members.keys() - {me}, me) if conversation else (frozenset(), me)
