"""RoomService: the part of ChatService that is about rooms, but for what is said in them.

Every method runs on the loop's thread; a ChatError that one raises becomes its status.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from chat import wire
from chat.core import limits
from chat.core.errors import Invalid, NoSuchRoom, NotAMember
from chat.core.state.chat_state import ChatState
from chat.core.state.model import Access
from chat.core.state.operations.add_members import AddMembers
from chat.core.state.operations.create_room import CreateRoom
from chat.core.state.operations.remove_member import RemoveMember
from chat.core.state.operations.update_room import UpdateRoom
from chat.rpc import chat_pb2 as pb
from chat.rpc import chat_pb2_grpc
from chat.server import checks
from chat.server.allowance import Allowances
from chat.server.auth import caller
from chat.server.engine import Engine
from chat.server.look_alikes import skeleton


class RoomService(chat_pb2_grpc.ChatServiceServicer):
    def __init__(self, engine: Engine, allowances: Allowances) -> None:
        self._engine = engine
        self._feed = engine.feed
        self._allowances = allowances

    def _online(self, state: ChatState, me: str) -> Callable[[str], bool]:
        """Whether somebody is online, as far as that is shown to me."""
        online, shows = self._feed.online, state.accounts.shows_presence
        return lambda name: online(name) and shows(name, me)

    def _spend(self, text_bytes: int = 0) -> None:
        self._allowances.spend(caller().username, text_bytes, time.monotonic())

    # --- making and changing ------------------------------------------------------------

    async def CreateRoom(
        self, request: pb.CreateRoomRequest, _context: Any
    ) -> pb.CreateRoomResponse:
        name, access = checks.new_room_name(request.name), wire.access_from_proto(request.access)
        if access is None:
            raise Invalid("access", "A room is open or private.")
        operation = CreateRoom(
            name,
            checks.topic(request.topic),
            access.value,
            caller().username,
            skeleton(name),
            checks.request_id(request.request_id, required=True),
            self._engine.now_ms(),
        )
        self._spend(limits.ROOM_COST_BYTES)
        await self._engine.write(operation)
        return pb.CreateRoomResponse(room=await self._shown(name))

    async def UpdateRoom(
        self, request: pb.UpdateRoomRequest, _context: Any
    ) -> pb.UpdateRoomResponse:
        access = wire.access_from_proto(request.access)
        if access is None and request.access != pb.ACCESS_UNSPECIFIED:
            raise Invalid("access", "A room is open or private.")
        name, owner = checks.room_name(request.name), request.owner
        operation = UpdateRoom(
            name,
            caller().username,
            checks.topic(request.topic),
            int(request.HasField("topic")),
            access.value if isinstance(access, Access) else "",
            checks.username(owner, "owner") if owner else "",
            checks.request_id(request.request_id, required=True),
            self._engine.now_ms(),
        )
        self._spend(len(operation.topic.encode()))
        await self._engine.write(operation)
        return pb.UpdateRoomResponse(room=await self._shown(name))

    # --- members ----------------------------------------------------------------------

    async def JoinRoom(self, request: pb.JoinRoomRequest, _context: Any) -> pb.JoinRoomResponse:
        name = checks.room_name(request.name)
        await self._add(name, [caller().username], request.request_id)
        return pb.JoinRoomResponse(room=await self._shown(name))

    async def AddMembers(
        self, request: pb.AddMembersRequest, _context: Any
    ) -> pb.AddMembersResponse:
        name, names = checks.room_name(request.name), checks.added_usernames(request.usernames)
        await self._add(name, names, request.request_id)
        return pb.AddMembersResponse(room=await self._shown(name))

    async def _add(self, room: str, names: list[str], request_id: str) -> None:
        operation = AddMembers(
            room,
            caller().username,
            " ".join(names),
            checks.request_id(request_id, required=True),
            self._engine.now_ms(),
        )
        self._spend(len(operation.names.encode()))
        await self._engine.write(operation)

    async def RemoveMember(
        self, request: pb.RemoveMemberRequest, _context: Any
    ) -> pb.RemoveMemberResponse:
        operation = RemoveMember(
            checks.room_name(request.name),
            caller().username,
            checks.username(request.username),
            checks.request_id(request.request_id, required=True),
            self._engine.now_ms(),
        )
        self._spend()
        await self._engine.write(operation)
        return pb.RemoveMemberResponse()

    # --- reading ------------------------------------------------------------------------

    async def ListRooms(self, request: pb.ListRoomsRequest, _context: Any) -> pb.ListRoomsResponse:
        pattern, size = checks.wildcard_filter(request.filter), request.page_size
        me, token = caller().username, request.page_token
        views, next_token = await self._engine.read(
            lambda state: state.rooms.page(me, pattern, token, size)
        )
        return pb.ListRoomsResponse(
            rooms=[wire.room_to_proto(view) for view in views], next_page_token=next_token
        )

    async def ListMembers(
        self, request: pb.ListMembersRequest, _context: Any
    ) -> pb.ListMembersResponse:
        return await self._engine.read(
            self._members, caller().username, checks.room_name(request.name), request
        )

    def _members(
        self, state: ChatState, me: str, name: str, request: pb.ListMembersRequest
    ) -> pb.ListMembersResponse:
        token, size = request.page_token, request.page_size
        names, next_token = state.rooms.members_page(me, name, token, size)
        owner, online = state.rooms.by_name[name].owner, self._online(state, me)
        return pb.ListMembersResponse(
            members=[
                pb.RoomMember(username=each, online=online(each), owner=each == owner)
                for each in names
            ],
            next_page_token=next_token,
        )

    async def ListReaders(
        self, request: pb.ListReadersRequest, _context: Any
    ) -> pb.ListReadersResponse:
        message_id = checks.request_id(request.message_id, "message_id", required=True)
        me, token, size = caller().username, request.page_token, request.page_size
        names, next_token = await self._engine.read(
            lambda state: state.rooms.readers_page(me, message_id, token, size)
        )
        return pb.ListReadersResponse(usernames=names, next_page_token=next_token)

    async def _shown(self, name: str) -> pb.Room:
        """The room as it is by now; only its name where the caller is out of it again, who asks
        once more for what was done before."""
        try:
            me = caller().username
            return wire.room_to_proto(
                await self._engine.read(lambda state: state.rooms.view(me, name))
            )
        except (NoSuchRoom, NotAMember):
            return pb.Room(name=name)
