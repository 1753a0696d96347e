"""No call holds up the event loop: each one with its worst input, on a large state.

Counted is the processor time of the loop's thread between two waits, the best of a few runs:
a busy computer and Python's search for garbage then make no call look slow.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, Final
from uuid import uuid4

import pytest
from google.protobuf.descriptor import FileDescriptor

from chat.core.errors import ChatError
from chat.core.limits import (
    EVENTS_KEPT_PER_USER,
    MEMBERS_ADDED_MAX,
    PAGE_SIZE_MAX,
    ROOM_MEMBERS_MAX,
    ROOMS_PER_USER_MAX,
    SESSION_LIFETIME_MS,
    TOPIC_CHARACTERS_MAX,
)
from chat.core.state.chat_state import ChatState
from chat.core.state.operations import Operation
from chat.core.state.operations.add_members import AddMembers
from chat.core.state.operations.create_room import CreateRoom
from chat.core.state.operations.open_session import OpenSession
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.register_user import RegisterUser
from chat.rpc import chat_pb2, health_pb2, replication_pb2
from chat.rpc import chat_pb2 as pb
from chat.server.auth import token_hash
from chat.server.command import reconfigure
from chat.server.config_file import rewrite
from chat.server.garbage import kept_for_good
from chat.server.passwords import Passwords
from tests.cluster import PASSWORD, Client, Cluster
from tests.faults.seed import token_of
from tests.timed_selector import TimedSelector

LONGEST_MS: Final = 20.0
RUNS: Final = 3
ACCOUNTS: Final = 20_000
UNREAD: Final = 10_000
LONG_TEXT: Final = '"' * 16_384  # twice as long in JSON
NAMES: Final = tuple(f"a{'a' * 20}{number:05}" for number in range(ACCOUNTS))
# For each run: somebody who knows everybody, and whose pal has written a great deal.
HUBS: Final = tuple(f"hub{run}" for run in range(RUNS))
PAL, TELLER, READER = "pal", "teller", "reader"
HALL: Final = "#hall"
CROWD: Final = NAMES[1_000 : 1_000 + ROOM_MEMBERS_MAX - 1]
HOSTILE_FILTERS: Final = (
    "*b",
    "*" + "a*" * 31,
    "*" + "?*" * 31,
    "*" + "a" * 20 + "?b*",
    "?" * 26 + "*b",
    "*" + "a?" * 15 + "*c",
    "a" * 64,
    "",
)


class Gaps:
    """What the loop's selector tells."""

    def __init__(self) -> None:
        self._longest_s = 0.0

    def take(self, _since: float, gap_s: float) -> None:
        self._longest_s = max(self._longest_s, gap_s)

    def begin(self) -> None:
        self._longest_s = 0.0

    @property
    def longest_ms(self) -> float:
        return 1_000 * self._longest_s


@dataclass(frozen=True)
class World:
    """The leader on a loop that is watched; its backups are on another one."""

    leader: Cluster
    backups: Cluster
    gaps: Gaps

    def client(self, name: str) -> Client:
        client = self.leader.client()
        client.name, client.token = name, token_of(name)
        return client

    def longest_ms(self, scenario: Callable[[], None]) -> float:
        self.gaps.begin()
        scenario()
        for _ in range(2):  # what the loop was doing at the end counts once it waits again
            self.leader.run(asyncio.sleep(0))
        return self.gaps.longest_ms


def operations() -> Iterator[Operation]:
    now = time.time_ns() // 1_000_000
    until = now + SESSION_LIFETIME_MS
    hashed = Passwords(4)._hash(PASSWORD)
    people = (*HUBS, PAL, TELLER, READER)
    for name in (*people, *NAMES):
        yield RegisterUser(name, hashed, str(uuid4()), now)
    for name in (*people, *NAMES[: 2 * RUNS], CROWD[0], *CROWD[-RUNS:]):
        yield OpenSession(name, token_hash(token_of(name)), "test", until, hashed, now)
    for hub in HUBS:
        for name in NAMES:
            yield PostMessage(str(uuid4()), name, hub, "Hello.", now)
        for _ in range(UNREAD):
            yield PostMessage(str(uuid4()), PAL, hub, "Are you there?", now)
    for _ in range(EVENTS_KEPT_PER_USER):
        yield PostMessage(str(uuid4()), TELLER, READER, LONG_TEXT, now)


def rooms() -> Iterator[Operation]:
    """One that is full and in which much was said; its owner is in as many as can be."""
    now = time.time_ns() // 1_000_000
    for number in range(ROOMS_PER_USER_MAX - 2 * RUNS):
        name = HALL if not number else f"#room{number}"
        yield CreateRoom(name, "", "open", CROWD[0], name, str(uuid4()), now)
    for start in range(1, len(CROWD), MEMBERS_ADDED_MAX):
        names = " ".join(CROWD[start : start + MEMBERS_ADDED_MAX])
        yield AddMembers(HALL, CROWD[0], names, str(uuid4()), now)
    for _ in range(UNREAD):
        yield PostMessage(str(uuid4()), CROWD[-1], HALL, "Are you there?", now)


def large_state() -> ChatState:
    state = ChatState()
    for operation in chain(operations(), rooms()):
        result = state.apply(operation).result
        assert not isinstance(result, Exception), (operation, result)
    return state


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The backups have not seen how the leader came to its state, and need not: it leads all
    the time."""
    folder = tmp_path_factory.mktemp("large")
    gaps = Gaps()
    selector = TimedSelector(gaps.take, time.thread_time)
    with (
        Cluster(folder, selector=selector) as leader,
        Cluster(folder) as backups,
    ):
        backups.config = leader.config
        with ThreadPoolExecutor(2) as starting, kept_for_good():
            for started in (starting.submit(leader.start, 1), starting.submit(backups.start, 2, 3)):
                started.result()
            leader.wait_for_members(1, 2, 3)
            leader.nodes[1].machine.state = large_state()
        try:
            yield World(leader, backups, gaps)
        finally:
            gc.unfreeze()


# --- the calls -----------------------------------------------------------------------


def get_leader_info(world: World, run: int) -> None:
    world.client(HUBS[run]).call("GetLeaderInfo", pb.GetLeaderInfoRequest())


def check_version(world: World, run: int) -> None:
    request = pb.CheckVersionRequest(version="1." + "9" * 60_000)
    world.client(HUBS[run]).call("CheckVersion", request)


def register(world: World, run: int) -> None:
    client = world.client("")
    for name in ("\u1e9e" * 128, "\u0370" * 128, "a" * 60_000, f"newcomer{run}"):
        request = pb.RegisterRequest(username=name, password=PASSWORD, request_id=str(uuid4()))
        with suppress(ChatError):
            client.call("Register", request)


def login(world: World, run: int) -> None:
    client = world.client("")
    client.name = HUBS[run]
    client.login("d" * 64)


def get_place(world: World, run: int) -> None:
    world.client(HUBS[run]).call("GetPlace", pb.GetPlaceRequest(request_id=str(uuid4())))


def logout(world: World, run: int) -> None:
    world.client(NAMES[run]).call("Logout", pb.LogoutRequest())


def change_password(world: World, run: int) -> None:
    request = pb.ChangePasswordRequest(
        current_password=PASSWORD, new_password="\u0041\u030a" * 64, request_id=str(uuid4())
    )
    world.client(NAMES[RUNS + run]).call("ChangePassword", request)


def delete_account(world: World, run: int) -> None:
    request = pb.DeleteAccountRequest(password=PASSWORD, request_id=str(uuid4()))
    world.client(HUBS[run]).call("DeleteAccount", request)


def list_users(world: World, run: int) -> None:
    client = world.client(HUBS[run])
    for pattern in HOSTILE_FILTERS:
        token = ""
        for _ in range(3):
            request = pb.ListUsersRequest(filter=pattern, page_size=PAGE_SIZE_MAX, page_token=token)
            token = client.call("ListUsers", request).next_page_token
            if not token:
                break


def list_conversations(world: World, run: int) -> None:
    client = world.client(HUBS[run])
    count, token = 0, ""
    while count < ACCOUNTS:
        request = pb.ListConversationsRequest(page_size=PAGE_SIZE_MAX, page_token=token)
        page = client.call("ListConversations", request)
        count, token = count + len(page.conversations), page.next_page_token


def receive_messages(world: World, run: int) -> None:
    for name, contact in ((READER, TELLER), (HUBS[run], PAL)):
        request = pb.ReceiveMessagesRequest(contact=contact, page_size=PAGE_SIZE_MAX)
        world.client(name).call("ReceiveMessages", request)


def send_message(world: World, run: int) -> None:
    world.client(HUBS[run]).send(NAMES[-1], LONG_TEXT)


def mark_read(world: World, run: int) -> None:
    hub = world.client(HUBS[run])
    assert hub.read(PAL, UNREAD // 2) == UNREAD // 2
    assert hub.read(PAL) == UNREAD // 2


def unsend(world: World, run: int) -> None:
    teller = world.client(TELLER)
    message = teller.send(READER, "No, wait.")
    teller.unsend(message.id)


def edit(world: World, run: int) -> None:
    """A message that all members of the largest room are told of, and hear of once more."""
    writer = world.client(CROWD[-1 - run])
    writer.edit(writer.send(HALL, LONG_TEXT).id, LONG_TEXT[1:])


def react(world: World, run: int) -> None:
    client = world.client(CROWD[-1 - run])
    client.react(client.history(HALL)[-1].id, "👍")


def mute(world: World, run: int) -> None:
    world.client(CROWD[-1 - run]).mute(HALL, muted=True)


def set_typing(world: World, run: int) -> None:
    world.client(CROWD[-1 - run]).type_in(HALL)


def subscribe(world: World, run: int) -> None:
    hub, reader = world.client(HUBS[run]), world.client(READER)
    world.client(TELLER).send(READER, LONG_TEXT)
    hub.subscribe().cancel()
    replay = reader.subscribe(after=reader.conversations().cursor - EVENTS_KEPT_PER_USER)
    replay.wait_for(lambda: len(replay.events) == EVENTS_KEPT_PER_USER)
    replay.cancel()


def join(world: World, _run: int) -> None:
    """A backup starts anew, with nothing: it pings, catches up with the log, and is told of
    writes. (What it costs to hand out a snapshot, and to fold, `make bench` measures.)"""
    world.backups.kill(3)
    world.leader.wait_for_members(1, 2)
    for file in world.leader.config.data_dir.glob("users_3.*"):
        file.unlink()
    world.backups.start(3)
    world.leader.wait_for_members(1, 2, 3)


def change(world: World, _run: int) -> None:
    """To other periods and back."""
    config = world.leader.config
    file = config.data_dir / "new.json"
    file.write_text("{}", encoding="utf-8")
    for vote_ms in (config.vote_ms + 500, config.vote_ms):
        rewrite(file, replace(config, vote_ms=vote_ms))
        assert "Done" in list(reconfigure(config, 1, file))[-1]


def create_room(world: World, run: int) -> None:
    world.client(HUBS[run]).create_room(f"#made{run}", topic="x" * TOPIC_CHARACTERS_MAX)


def update_room(world: World, run: int) -> None:
    """It becomes private, and its owner another."""
    client = world.client(CROWD[0])
    request = pb.UpdateRoomRequest(name=HALL, topic=f"{run}" * 200, request_id=str(uuid4()))
    client.call("UpdateRoom", request)


def join_room(world: World, run: int) -> None:
    hub = world.client(HUBS[run])
    hub.join_room(HALL)
    hub.remove_member(HALL, HUBS[run])


def add_members(world: World, run: int) -> None:
    client, names = world.client(CROWD[0]), NAMES[:MEMBERS_ADDED_MAX]
    client.create_room(f"#added{run}")
    client.add_members(f"#added{run}", *names)


def remove_member(world: World, run: int) -> None:
    world.client(CROWD[0]).remove_member(HALL, CROWD[1 + run])


def list_rooms(world: World, run: int) -> None:
    client = world.client(HUBS[run])
    for pattern in HOSTILE_FILTERS:
        request = pb.ListRoomsRequest(filter=pattern, page_size=PAGE_SIZE_MAX)
        client.call("ListRooms", request)


def list_members(world: World, _run: int) -> None:
    client = world.client(CROWD[0])
    client.call("ListMembers", pb.ListMembersRequest(name=HALL, page_size=PAGE_SIZE_MAX))


def list_readers(world: World, _run: int) -> None:
    client = world.client(CROWD[0])
    newest = client.history(HALL)[-1]
    client.call("ListReaders", pb.ListReadersRequest(message_id=newest.id, page_size=PAGE_SIZE_MAX))


def sessions(world: World, run: int) -> None:
    client = world.client(HUBS[run])
    client.call("ListSessions", pb.ListSessionsRequest())
    client.call("EndSessions", pb.EndSessionsRequest(request_id=str(uuid4())))


def privacy(world: World, run: int) -> None:
    """Of somebody whom all others have written to, and who is there."""
    client = world.client(HUBS[run])
    stream = client.subscribe()
    for on in (True, False):
        hiding = pb.HidePresenceRequest(hidden=on, request_id=str(uuid4()))
        client.call("HidePresence", hiding)
        for name in (PAL, *NAMES[:20]):
            blocking = pb.BlockUserRequest(username=name, blocked=on, request_id=str(uuid4()))
            client.call("BlockUser", blocking)
        client.call("GetPrivacy", pb.GetPrivacyRequest())
    stream.cancel()


def search_messages(world: World, _run: int) -> None:
    """All that is there, and what is nowhere, in the longest texts and for who is in most rooms."""
    client = world.client(CROWD[0])
    for words in ('"', LONG_TEXT[:200], "x", "xyz", " ".join(map(str, range(60)))):
        request = pb.SearchMessagesRequest(words=words, page_size=PAGE_SIZE_MAX)
        client.call("SearchMessages", request)


def use_rooms(world: World, run: int) -> None:
    """All of a room's members listen, one who is in as many as can be, as well."""
    first = world.client(CROWD[0])
    request = pb.ListConversationsRequest(rooms=True, page_size=PAGE_SIZE_MAX)
    first.call("ListConversations", request)
    first.call("ReceiveMessages", pb.ReceiveMessagesRequest(contact=HALL, page_size=PAGE_SIZE_MAX))
    stream = first.subscribe(positions={})
    stream.wait_for(lambda: len(stream.positions) >= ROOMS_PER_USER_MAX - 2 * RUNS)
    stream.cancel()
    replay = first.subscribe(positions={HALL: stream.positions[HALL] - EVENTS_KEPT_PER_USER + 1})
    world.client(CROWD[-1 - run]).send(HALL, LONG_TEXT)
    replay.wait_for(lambda: len(replay.texts(HALL)) >= EVENTS_KEPT_PER_USER // 2)
    replay.cancel()
    world.client(CROWD[-1 - run]).read(HALL, 100)


CALLS: Final[dict[str, Callable[[World, int], None]]] = {
    "ChatService.GetLeaderInfo": get_leader_info,
    "ChatService.CheckVersion": check_version,
    "ChatService.Register": register,
    "ChatService.Login": login,
    "ChatService.GetPlace": get_place,
    "ChatService.Logout": logout,
    "ChatService.ChangePassword": change_password,
    "ChatService.ListUsers": list_users,
    "ChatService.ListConversations": list_conversations,
    "ChatService.ReceiveMessages": receive_messages,
    "ChatService.SendMessage": send_message,
    "ChatService.CreateRoom": create_room,
    "ChatService.UpdateRoom": update_room,
    "ChatService.JoinRoom": join_room,
    "ChatService.AddMembers": add_members,
    "ChatService.RemoveMember": remove_member,
    "ChatService.ListRooms": list_rooms,
    "ChatService.ListMembers": list_members,
    "ChatService.ListReaders": list_readers,
    "ChatService.SearchMessages": search_messages,
    "ChatService.Subscribe": subscribe,
    "ChatService.DeleteUnreadMessage": unsend,
    "ChatService.EditMessage": edit,
    "ChatService.React": react,
    "ChatService.MuteConversation": mute,
    "ChatService.SetTyping": set_typing,
    "ChatService.MarkRead": mark_read,
    "ChatService.ListSessions": sessions,
    "ChatService.EndSessions": sessions,
    "ChatService.GetPrivacy": privacy,
    "ChatService.HidePresence": privacy,
    "ChatService.BlockUser": privacy,
    "HealthService.Ping": join,
    "HealthService.Pings": join,
    "ReplicationService.Replicate": join,
    "ReplicationService.CatchUp": join,
    "ReplicationService.Reconfigure": change,
    "ChatService.DeleteAccount": delete_account,  # the last: the others need those people
}


def test_every_call_is_tried() -> None:
    modules: tuple[Any, ...] = (chat_pb2, health_pb2, replication_pb2)
    files: list[FileDescriptor] = [module.DESCRIPTOR for module in modules]
    services = [service for file in files for service in file.services_by_name.values()]
    known = {f"{service.name}.{each.name}" for service in services for each in service.methods}
    assert known == set(CALLS)


SCENARIOS: Final = (use_rooms, *dict.fromkeys(CALLS.values()))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("call", SCENARIOS, ids=lambda call: call.__name__)
def test_no_call_holds_up_the_loop(world: World, call: Callable[[World, int], None]) -> None:
    longest = [world.longest_ms(partial(call, world, run)) for run in range(RUNS)]
    assert min(longest) < LONGEST_MS, longest
