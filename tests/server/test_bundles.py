"""Events that wait for a client go to it as one message, in order and within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from chat import wire
from chat.core import limits
from chat.core.state.chat_state import ChatState
from chat.core.state.model import MessagePosted, RoomEvent, ToldInRoom
from chat.core.state.operations.create_room import CreateRoom
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.register_user import RegisterUser
from chat.rpc import chat_pb2 as pb
from chat.server.live_stream import LiveStream, Written
from chat.server.viewer import SharedEvent, Viewer
from tests.engines import StateAlone

AT = 1_700_000_000_000
ROOM = "#room"


class Club:
    """A room of one who listens, and whose stream takes a message at a time when it is told to."""

    def __init__(self, bundles: bool) -> None:
        self.state = ChatState()
        self.state.apply(RegisterUser("ann", "hash", "r1", AT, "ann"))
        self.state.apply(CreateRoom(ROOM, "", "open", "ann", "room", "r2", AT))
        self.engine = StateAlone(self.state)
        self.feed = self.engine.feed
        self.taken: list[bytes] = []
        self.turn = asyncio.Semaphore(1)
        self._bundles = bundles

    async def _write(self, event: Written) -> None:
        await self.turn.acquire()
        self.taken.append(event if isinstance(event, bytes) else event.SerializeToString())

    async def listen(self) -> None:
        subscription = self.feed.open("ann", "token", with_rooms=True)
        shared, write = SharedEvent(), self._write
        stream = LiveStream(self.engine, subscription, shared, write, self._bundles)  # type: ignore[arg-type]
        await stream.run(0, {})

    def give_turns(self, count: int) -> None:
        for _ in range(count):
            self.turn.release()

    def say(self, number: int, text: str) -> None:
        outcome = self.state.apply(PostMessage(f"m{number}", "ann", ROOM, text, AT))
        for told in outcome.rooms:
            self.feed.publish_in_rooms([(told, {"ann"})])

    async def until(self, listening: asyncio.Task[None], condition: Callable[[], bool]) -> None:
        while not condition():
            assert not listening.done(), listening
            await asyncio.sleep(0)

    def events(self) -> list[pb.Event]:
        return list(wire.each_event(map(pb.Event.FromString, self.taken)))


def play(bundles: bool, texts: list[str]) -> tuple[list[list[str]], list[int]]:
    """What came with each message, and the positions, where all is said while one is written."""

    async def scenario() -> Club:
        club = Club(bundles)
        listening = asyncio.create_task(club.listen())
        club.give_turns(2)  # where it begins, and that nothing was missed
        await club.until(listening, lambda: len(club.taken) == 3)
        for number, text in enumerate(texts):
            club.say(number, text)
            await asyncio.sleep(0)
        club.give_turns(len(texts))
        await club.until(listening, lambda: len(club.events()) == 3 + len(texts))
        listening.cancel()
        await asyncio.wait([listening])
        return club

    club = asyncio.run(scenario())
    came = [
        [event.message.text for event in wire.each_event([pb.Event.FromString(one)])]
        for one in club.taken[3:]
    ]
    return came, [event.position for event in club.events()[3:]]


def test_what_waits_comes_as_one_and_in_order() -> None:
    texts = [str(number) for number in range(10)]
    came, positions = play(True, texts)
    assert came == [["0"], texts[1:]]
    assert positions == list(range(positions[0], positions[0] + len(texts)))


def test_who_does_not_ask_gets_one_by_one() -> None:
    texts = [str(number) for number in range(10)]
    assert play(False, texts)[0] == [[text] for text in texts]


def test_so_many_events_are_one_message() -> None:
    texts = [str(number) for number in range(2 * limits.BUNDLE_EVENTS_MAX)]
    came, _ = play(True, texts)
    assert [len(each) for each in came] == [
        1, limits.BUNDLE_EVENTS_MAX, limits.BUNDLE_EVENTS_MAX - 1,
    ]  # fmt: skip


def test_so_many_bytes_are_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUNDLE_BYTES_MAX", 1_000)
    came, _ = play(True, ["short", *["x" * 300] * 4, "y" * 2_000, "short"])
    assert [len(each) for each in came] == [1, 2, 2, 1, 1]


@pytest.mark.parametrize("length", [0, 1, 100, 127, 128, 16_383, 16_384, 70_000])
def test_bytes_put_together_by_hand_are_what_protobuf_makes(length: int) -> None:
    events = [pb.Event(message=pb.Message(text="x" * length)), pb.Event(), pb.Event(cursor=7)]
    whole = pb.Event(bundle=pb.Bundle(events=events))
    assert wire.bundle(event.SerializeToString() for event in events) == whole.SerializeToString()


def test_events_of_rooms_are_forgotten_at_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SHARED_EVENTS_MAX", 3)
    club = Club(True)
    viewer, shared = Viewer(club.state, "ann"), SharedEvent()
    told: list[ToldInRoom] = []
    for number in range(5):
        told += club.state.apply(PostMessage(f"m{number}", "ann", ROOM, "hi", AT)).rooms
    events: list[RoomEvent] = [one.event for one in told]
    assert all(isinstance(event.kind, MessagePosted) for event in events)
    first = [shared.of(event, viewer) for event in events]
    assert first == [viewer.room_event(event).SerializeToString() for event in events]
    pairs = zip(events[2:], first[2:], strict=True)
    assert all(shared.of(event, viewer) is known for event, known in pairs)
    assert shared.of(events[0], viewer) is not first[0]
