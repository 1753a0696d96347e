"""RoomCalls: what a person does about rooms, but for what is said in them.

No method blocks; answers come as events, as those of the session whose part this is.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from chat.client import events
from chat.client.events import ClientEvent, MemberEntry, RoomInfo
from chat.client.known_rooms import room_info
from chat.core.limits import PAGE_SIZE_MAX
from chat.rpc import chat_pb2 as pb

# As long as somebody waits for what they asked for (seconds).
_WRITE_WITHIN_S = 10.0
_READ_WITHIN_S = 4.0


class Ask(Protocol):
    """Runs a job on a thread of the session; a failure becomes Failed(action)."""

    def __call__(self, action: str, job: Callable[[], Any], address: str = "") -> None: ...


class RoomCalls:
    """`ask` is for what is to be done, one after the other, `read` for what somebody wants to see,
    of which only the newest of each action is of interest. `call` answers of a method and a
    request, within so many seconds, or raises ChatError."""

    def __init__(
        self,
        ask: Ask,
        read: Ask,
        call: Callable[[str, Any, float], Any],
        publish: Callable[[ClientEvent], None],
    ) -> None:
        self._ask, self._read, self._call, self._publish = ask, read, call, publish
        self._listed = ""  # the newest filter of names

    def create(self, name: str, topic: str = "", private: bool = False) -> None:
        """Done("create_room", the name as it was normalised) or Failed."""
        access = pb.ACCESS_PRIVATE if private else pb.ACCESS_OPEN
        request = pb.CreateRoomRequest(
            name=name, topic=topic, access=access, request_id=_request_id()
        )
        self._do("create_room", "CreateRoom", request, name)

    def join(self, name: str) -> None:
        """Done("join_room", name) or Failed; its conversation comes from the stream."""
        request = pb.JoinRoomRequest(name=name, request_id=_request_id())
        self._do("join_room", "JoinRoom", request, name)

    def update(
        self, name: str, topic: str | None = None, private: bool | None = None, owner: str = ""
    ) -> None:
        """Done("update_room", name) or Failed. What is None or empty stays as it is."""
        request = pb.UpdateRoomRequest(name=name, owner=owner, request_id=_request_id())
        if topic is not None:
            request.topic = topic
        if private is not None:
            request.access = pb.ACCESS_PRIVATE if private else pb.ACCESS_OPEN
        self._do("update_room", "UpdateRoom", request, name)

    def add(self, name: str, usernames: Sequence[str]) -> None:
        """Done("add_members", name) or Failed; all of them or none."""
        request = pb.AddMembersRequest(name=name, usernames=usernames, request_id=_request_id())
        self._do("add_members", "AddMembers", request, name)

    def remove(self, name: str, username: str) -> None:
        """Done("remove_member", name) or Failed. Oneself: to leave."""
        request = pb.RemoveMemberRequest(name=name, username=username, request_id=_request_id())
        self._do("remove_member", "RemoveMember", request, name)

    def find(self, filter: str) -> None:  # noqa: A002 - the wire's word
        """RoomsListed (the first ones) or Failed; nothing once another filter is asked for."""
        self._listed = filter

        def job() -> None:
            found: list[RoomInfo] = []
            token = ""
            while self._listed == filter:
                request = pb.ListRoomsRequest(
                    filter=filter, page_size=PAGE_SIZE_MAX, page_token=token
                )
                answer = self._call("ListRooms", request, _READ_WITHIN_S)
                found += map(room_info, answer.rooms)
                token = answer.next_page_token
                if not token or len(found) >= PAGE_SIZE_MAX:  # a page may be short, or empty
                    self._publish(events.RoomsListed(filter, tuple(found), bool(token)))
                    return

        self._read("find_rooms", job)

    def list_members(self, name: str) -> None:
        """MembersListed or Failed."""

        def job() -> None:
            found: list[MemberEntry] = []
            token, more = "", True
            while more:
                request = pb.ListMembersRequest(
                    name=name, page_size=PAGE_SIZE_MAX, page_token=token
                )
                answer = self._call("ListMembers", request, _READ_WITHIN_S)
                found += (MemberEntry(m.username, m.online, m.owner) for m in answer.members)
                token = answer.next_page_token
                more = bool(token)
            self._publish(events.MembersListed(name, tuple(found)))

        self._read("list_members", job, name)

    def list_readers(self, message_id: str) -> None:
        """ReadersListed or Failed."""

        def job() -> None:
            found: list[str] = []
            token, more = "", True
            while more:
                request = pb.ListReadersRequest(
                    message_id=message_id, page_size=PAGE_SIZE_MAX, page_token=token
                )
                answer = self._call("ListReaders", request, _READ_WITHIN_S)
                found += answer.usernames
                token = answer.next_page_token
                more = bool(token)
            self._publish(events.ReadersListed(message_id, tuple(found)))

        self._read("list_readers", job)

    def _do(self, action: str, method: str, request: Any, name: str) -> None:
        def job() -> None:
            answer = self._call(method, request, _WRITE_WITHIN_S)
            known = answer.room.name if hasattr(answer, "room") else name
            self._publish(events.Done(action, known))

        self._ask(action, job, name)


def _request_id() -> str:
    return str(uuid.uuid4())
