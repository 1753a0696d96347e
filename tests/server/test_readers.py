"""How many have read what was said in rooms is told to who sees it, a room at a time."""

from __future__ import annotations

import asyncio
from time import thread_time

import pytest

from chat.core import limits
from chat.core.state.model import ReadInRoom
from chat.core.state.operations.add_members import AddMembers
from chat.core.state.operations.create_room import CreateRoom
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.read_messages import ReadMessages
from chat.rpc import chat_pb2 as pb
from chat.server.feed import Feed
from chat.server.live_stream import LiveStream, Written
from chat.server.readers import Readers
from chat.server.viewer import SharedEvent
from tests.core.state.states import add, make, make_room, post
from tests.engines import StateAlone
from tests.timed_selector import TimedSelector


def test_who_came_later_hears_nothing_of_messages_of_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "READERS_TOLD_EVERY_S", 0.0)
    state = make("ann", "bob", "cat")
    make_room(state, "ann", "bob", access="private")
    post(state, "m1", "ann", "#lab")
    post(state, "m2", "ann", "#lab")
    assert add(state, "ann", "cat", request_id="cat comes") is None

    async def readers_heard(name: str, limit: int) -> list[list[int]]:
        engine = StateAlone(state)
        feed = engine.feed
        taken: list[pb.Event] = []

        async def write(event: Written) -> None:
            taken.append(event if isinstance(event, pb.Event) else pb.Event.FromString(event))

        async def listen() -> None:
            subscription = feed.open(name, "token", with_rooms=True, with_changes=True)
            stream = LiveStream(engine, subscription, SharedEvent(), write)  # type: ignore[arg-type]
            await stream.run(0, {})

        listening = asyncio.create_task(listen())
        while not any(event.HasField("room_begins") for event in taken):
            await asyncio.sleep(0)
        readers = Readers(asyncio.get_running_loop(), feed, lambda: state)
        outcome = state.apply(ReadMessages("bob", "#lab", limit, "", 9))
        assert outcome.read is not None
        readers.take(outcome.read)
        for _ in range(20):
            await asyncio.sleep(0)
        listening.cancel()
        await asyncio.wait([listening])
        heard = (event.readers for event in taken if event.HasField("readers"))
        return [[each.sequence for each in readers.messages] for readers in heard]

    assert not asyncio.run(readers_heard("cat", 1))
    post(state, "m3", "ann", "#lab")
    assert asyncio.run(readers_heard("cat", 1)) == [[3]]
    post(state, "m4", "ann", "#lab")
    assert asyncio.run(readers_heard("ann", 1)) == [[3, 4]]


def test_hundreds_of_rooms_in_which_somebody_reads_hold_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "READERS_TOLD_EVERY_S", 0.0)
    names = [f"user{n}" for n in range(limits.ROOM_MEMBERS_MAX)]
    state = make(*names)
    rooms = [f"#room{n}" for n in range(limits.ROOMS_PER_USER_MAX)]
    for room in rooms:
        state.apply(CreateRoom(room, "", "open", names[0], room, f"make {room}", 4))
        for at in range(1, len(names), limits.MEMBERS_ADDED_MAX):
            coming = " ".join(names[at : at + limits.MEMBERS_ADDED_MAX])
            state.apply(AddMembers(room, names[0], coming, f"{room} {at}", 5))
        for n in range(limits.READERS_TOLD_MAX):
            state.apply(PostMessage(f"{room} {n}", names[0], room, "hi", 6))
        state.apply(ReadMessages(names[1], room, 0, "", 7))

    async def scenario(gaps: list[float]) -> None:
        feed = Feed(lambda _name, _online: None)

        async def listen(name: str) -> None:
            subscription = feed.open(name, "t", with_rooms=True, with_changes=True)
            while len(heard) < len(names) * len(rooms):
                heard.append(await subscription.next())

        heard: list[object] = []
        listening = [asyncio.create_task(listen(name)) for name in names]
        await asyncio.sleep(0)
        readers = Readers(asyncio.get_running_loop(), feed, lambda: state)
        for room in rooms:
            readers.take(ReadInRoom(room, 0, limits.READERS_TOLD_MAX))
        await asyncio.sleep(0)
        gaps.clear()
        while len(heard) < len(names) * len(rooms):
            await asyncio.sleep(0)
        for task in listening:
            task.cancel()
        gaps.append(0.0)
        await asyncio.wait(listening)

    def longest() -> float:
        gaps: list[float] = []
        selector = TimedSelector(lambda *gap: gaps.append(gap[1]), thread_time)
        loop = asyncio.SelectorEventLoop(selector)
        loop.run_until_complete(scenario(gaps))
        loop.close()
        return max(gaps)

    assert min(longest() for _ in range(3)) < 0.02
