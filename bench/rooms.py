"""What a send into a room costs, beside one to one person: by members, and by those who listen."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from bench.audience import Audience
from bench.load import Call, Pace, in_turn
from bench.row import Row
from bench.sending import IN_FLIGHT, PEOPLE, of, sender
from bench.servers import Data, Servers, metadata
from chat.core.limits import MEMBERS_ADDED_MAX, ROOM_MEMBERS_MAX
from chat.rpc import chat_pb2 as pb

# Of members a room, and what is to be reached of the sends to one person.
SIZES = ((5, "–"), (50, "at least 0.8"), (ROOM_MEMBERS_MAX, "at least 0.5"))
LISTENING = 50


async def make_room(stub: Any, name: str, members: Sequence[str]) -> None:
    owner = metadata(members[0])
    made = pb.CreateRoomRequest(name=name, access=pb.ACCESS_OPEN, request_id=str(uuid.uuid4()))
    await stub.CreateRoom(made, metadata=owner)
    for start in range(1, len(members), MEMBERS_ADDED_MAX):
        added = pb.AddMembersRequest(
            name=name,
            usernames=members[start : start + MEMBERS_ADDED_MAX],
            request_id=str(uuid.uuid4()),
        )
        await stub.AddMembers(added, metadata=owner)


async def rooms(pace: Pace) -> list[Row]:
    """Sends of members in turn, against sends between neighbours of as many people."""
    with Servers(Data(ROOM_MEMBERS_MAX)) as servers:
        stub, users = servers.launched().stub(), servers.users
        calls: list[Call] = [sender(servers, stub, users[:PEOPLE])]
        for size, _ in SIZES:
            await make_room(stub, f"#of{size}", users[:size])
            calls.append(sender(servers, stub, users[: min(size, PEOPLE)], f"#of{size}"))
        one, *sent = await in_turn(calls, IN_FLIGHT, pace)
        rows = [
            Row(f"sends/s into a room of {size}, of those to one person", reach, of(found, one))
            for (size, reach), found in zip(SIZES, sent, strict=True)
        ]
        with Audience(servers, LISTENING, rooms=True):
            one, *sent = await in_turn(calls, IN_FLIGHT, pace)
        for (size, _), found in zip(SIZES, sent, strict=True):
            online = min(size, LISTENING)
            rows.append(Row(f"the same with {online} of {size} online", "–", of(found, one)))
        return rows
