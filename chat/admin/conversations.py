"""The commands about what is said: rooms, announce."""

from __future__ import annotations

import argparse
from uuid import uuid4

from chat.admin.answers import Answer, table
from chat.admin.servers import Servers
from chat.rpc import admin_pb2 as pb


def list_rooms(servers: Servers, asked: argparse.Namespace) -> Answer:
    request = pb.ListRoomsRequest(filter=asked.filter)
    rooms = [
        {
            "name": each.name,
            "access": "open" if each.open else "private",
            "owner": each.owner,
            "members": each.members,
            "messages": each.messages,
            "topic": each.topic,
        }
        for each in servers.all_of("ListRooms", request, "rooms")
    ]
    headings = ("NAME", "ACCESS", "OWNER", "MEMBERS", "MESSAGES", "TOPIC")
    return Answer(rooms, table(headings, [tuple(r.values()) for r in rooms], "There are none."))


def members(servers: Servers, asked: argparse.Namespace) -> Answer:
    request = pb.ListRoomMembersRequest(name=asked.name)
    names = list(servers.all_of("ListRoomMembers", request, "usernames"))
    return Answer(names, "\n".join(names) or "Nobody is in it.")


def announce(servers: Servers, asked: argparse.Namespace) -> Answer:
    request = pb.AnnounceRequest(text=asked.text, by=asked.by, request_id=str(uuid4()))
    told = servers.ask("Announce", request).told
    return Answer({"told": told}, f"Announced to {told} {'person' if told == 1 else 'people'}.")
