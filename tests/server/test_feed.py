"""Live streams without gRPC: order, bounds, ends, presence."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Set
from time import thread_time

import pytest

from chat.core import limits
from chat.core.errors import NotLeader, SessionEnded, SlowConsumer, TooManyStreams
from chat.core.state.model import Message, MessagePosted, RoomEvent, Told, ToldInRoom, UserEvent
from chat.core.state.operations.remove_account import AccountRemoved
from chat.server.feed import Beat, Feed, Item, PresenceChanged, Subscription
from tests.timed_selector import TimedSelector

GONE = AccountRemoved("someone")
Opened = tuple[Subscription, "asyncio.Task[None]", list[Item]]


def event(cursor: int) -> UserEvent:
    return UserEvent(cursor, GONE)


PARTS = 3


def run(scenario: Callable[[Feed], Coroutine[None, None, None]]) -> None:
    friends = {"ann": {"bob"}, "bob": {"ann"}}

    async def play() -> None:
        await scenario(feed_of(lambda user: friends.get(user, set())))

    asyncio.run(play())


def feed_of(contacts: Callable[[str], Set[str]]) -> Feed:
    feed = Feed(lambda user, online: feed.tell_presence(user, online, contacts(user)), PARTS)
    return feed


async def reader(
    feed: Feed, user: str, session: str = "t", take: bool = True, patient: bool = False
) -> Opened:
    """A task that subscribes and, if it is to `take`, collects all items until the end."""
    ready: asyncio.Future[Subscription] = asyncio.get_running_loop().create_future()
    items: list[Item] = []

    async def read() -> None:
        subscription = feed.open(user, session, patient=patient)
        ready.set_result(subscription)
        try:
            while take:
                items.append(await subscription.next())
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if subscription.error is None:
                raise
        finally:
            feed.close(subscription)

    task = asyncio.create_task(read())
    return await ready, task, items


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_events_come_in_order_to_every_stream_of_the_user() -> None:
    async def scenario(feed: Feed) -> None:
        one, two, other = [await reader(feed, user) for user in ("ann", "ann", "eve")]
        for cursor in (1, 2):
            feed.publish(Told(GONE, {"ann": cursor, "nobody": 1}))
        await settle()
        assert one[2] == two[2] == [event(1), event(2)]
        assert other[2] == []
        feed.beat(lambda _: True, one[0].number % PARTS)
        await settle()
        assert one[2][-1] == Beat()
        feed.end_all(NotLeader("gone", 0, ""))
        await asyncio.gather(one[1], two[1], other[1])
        assert len(feed) == 0

    run(scenario)


def test_a_full_queue_ends_the_stream_even_where_it_is_stuck() -> None:
    async def scenario(feed: Feed) -> None:
        subscription, task, _ = await reader(feed, "ann", take=False)
        for cursor in range(limits.SUBSCRIBER_QUEUE_EVENTS_MAX + 1):
            feed.publish(Told(GONE, {"ann": cursor}))
        await task
        assert isinstance(subscription.error, SlowConsumer)

    run(scenario)


def test_a_stream_ends_with_its_session() -> None:
    async def scenario(feed: Feed) -> None:
        one = await reader(feed, "ann", "first")
        two = await reader(feed, "ann", "second")
        feed.end_sessions(["first"])
        await one[1]
        assert isinstance(one[0].error, SessionEnded)
        assert feed.online("ann")
        feed.beat(lambda token: token != "second", two[0].number % PARTS)
        await two[1]
        assert not feed.online("ann")

    run(scenario)


def test_heartbeats_come_in_parts_and_leave_nobody_out() -> None:
    async def scenario(feed: Feed) -> None:
        readers = [await reader(feed, f"user{number}") for number in range(10)]
        for part in range(3):
            feed.beat(lambda _: True, part)
            await settle()
            beaten = sum(items == [Beat()] for _, _, items in readers)
            assert beaten == sum(len(range(each, 10, 3)) for each in range(part + 1))
        feed.end_all(SessionEnded("over"))
        await asyncio.gather(*(task for _, task, _ in readers))

    run(scenario)


def test_a_patient_stream_is_shown_once_in_ten_seconds_that_it_lives() -> None:
    async def scenario(feed: Feed) -> None:
        patient = [await reader(feed, f"user{n}", patient=True) for n in range(40)]
        usual = await reader(feed, "ann")
        at_once = set()
        for part in range(feed.parts):
            before = sum(len(items) for _, _, items in patient)
            feed.beat(lambda _: True, part)
            await settle()
            at_once.add(sum(len(items) for _, _, items in patient) - before)
        assert at_once == {1, 2}
        assert [items for _, _, items in patient] == 40 * [[Beat()]]
        assert usual[2] == 10 * [Beat()]
        feed.end_all(SessionEnded("over"))
        await asyncio.gather(usual[1], *(task for _, task, _ in patient))
        assert feed.parts_until_occupied(0) == feed.parts

    run(scenario)


def test_nothing_is_to_be_done_where_no_stream_is_in_a_part() -> None:
    async def scenario(feed: Feed) -> None:
        assert not feed.occupied.is_set()
        assert feed.parts_until_occupied(0) == feed.parts
        readers = [await reader(feed, f"user{number}") for number in range(2)]
        assert feed.occupied.is_set()
        assert [feed.parts_until_occupied(part) for part in range(PARTS)] == [1, 2, 1]
        feed.end_all(SessionEnded("over"))
        await asyncio.gather(*(task for _, task, _ in readers))
        assert not feed.occupied.is_set()

    run(scenario)


def test_presence_reaches_contacts_once() -> None:
    async def scenario(feed: Feed) -> None:
        bob = await reader(feed, "bob")
        streams = [await reader(feed, "ann") for _ in range(2)]
        for _, task, _ in streams:
            task.cancel()
        await asyncio.gather(*(task for _, task, _ in streams), return_exceptions=True)
        await settle()
        assert bob[2] == [PresenceChanged("ann", True), PresenceChanged("ann", False)]
        bob[1].cancel()
        await asyncio.gather(bob[1], return_exceptions=True)

    run(scenario)


def test_the_first_message_introduces_its_people() -> None:
    async def scenario(feed: Feed) -> None:
        _, ann_task, ann = await reader(feed, "ann")
        _, eve_task, eve = await reader(feed, "eve")
        for sequence in (1, 2):
            posted = MessagePosted(Message(f"m{sequence}", "ann", "eve", "hi", 0, sequence))
            feed.publish(Told(posted, {"ann": sequence, "eve": sequence}))
        await settle()
        assert [item for item in ann if isinstance(item, PresenceChanged)] == [
            PresenceChanged("eve", online=True)
        ]
        assert [item for item in eve if isinstance(item, PresenceChanged)] == [
            PresenceChanged("ann", online=True)
        ]
        for task in (ann_task, eve_task):
            task.cancel()
        await asyncio.gather(ann_task, eve_task, return_exceptions=True)

    run(scenario)


def test_an_account_has_so_many_streams() -> None:
    async def scenario(feed: Feed) -> None:
        streams = [await reader(feed, "ann") for _ in range(limits.STREAMS_PER_USER_MAX)]
        with pytest.raises(TooManyStreams):
            feed.open("ann", "t")
        feed.end_all(SessionEnded("over"))
        await asyncio.gather(*(task for _, task, _ in streams))

    run(scenario)


def test_what_thousands_of_streams_hear_at_once_holds_up_nobody() -> None:
    """Each stream takes 50 microseconds here, as it does to write."""
    crowd = {f"user{number}" for number in range(1_000)}

    async def scenario(gaps: list[float]) -> None:
        heard: Counter[str] = Counter()

        async def listen(name: str) -> None:
            subscription = feed.open(name, "t")
            try:
                while True:
                    heard[_kind(await subscription.next())] += 1
                    work()
            except asyncio.CancelledError:
                heard["the end"] += 1
                work()
            finally:
                feed.close(subscription)

        async def all_have_heard(what: str) -> None:
            while heard[what] < len(crowd):
                await asyncio.sleep(0)
            gaps.append(0.0)

        feed = feed_of(lambda user: crowd if user == "star" else set())
        listening = [asyncio.create_task(listen(name)) for name in crowd]
        await asyncio.sleep(0)
        gaps.clear()
        _, star, _ = await reader(feed, "star")
        await all_have_heard("somebody comes")
        star.cancel()
        await all_have_heard("somebody is gone")
        feed.publish(Told(GONE, dict.fromkeys(crowd, 1)))
        await all_have_heard("an event")
        for part in range(PARTS):
            feed.beat(lambda _: True, part)
        await all_have_heard("a beat")
        feed.end_all(NotLeader("gone", 0, ""))
        await all_have_heard("the end")
        await asyncio.gather(*listening)

    assert min(longest_gap(scenario) for _ in range(3)) < 0.02


class Hall:
    """People who are all in the same rooms, and listen; `pushed` counts what they were told."""

    def __init__(self, feed: Feed, people: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.feed = feed
        self.names = [f"user{number}" for number in range(people)]
        self.heard: dict[str, list[Item]] = {name: [] for name in self.names}
        self.pushed = 0
        push = Subscription.push

        def counted(subscription: Subscription, item: Item) -> None:
            self.pushed += 1
            push(subscription, item)

        monkeypatch.setattr(Subscription, "push", counted)
        self._listening = [asyncio.create_task(self._listen(name)) for name in self.names]

    async def _listen(self, name: str) -> None:
        subscription = self.feed.open(name, "t", with_rooms=True)
        try:
            while True:
                self.heard[name].append(await subscription.next())
        finally:
            self.feed.close(subscription)

    def tell(self, *told: ToldInRoom) -> None:
        self.feed.publish_in_rooms((each, set(self.names)) for each in told)

    async def turn(self) -> int:
        """How many streams were told something in one turn of the loop."""
        before = self.pushed
        await asyncio.sleep(0)
        return self.pushed - before

    async def leave(self) -> None:
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)


def in_room(number: int, position: int) -> ToldInRoom:
    return ToldInRoom(RoomEvent(f"#room{number}", position, GONE))


def test_who_leaves_all_rooms_at_once_has_one_room_told_in_a_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rooms, people = limits.ROOMS_PER_USER_MAX, 20

    async def scenario(feed: Feed) -> None:
        hall = Hall(feed, people, monkeypatch)
        await settle()
        hall.tell(*(in_room(number, 1) for number in range(rooms)))
        assert hall.pushed == people
        for told in range(2, rooms + 1):
            assert await hall.turn() == people, told
        assert await hall.turn() == 0
        await settle()
        first = [told.event for told in (in_room(number, 1) for number in range(rooms))]
        assert all(heard == first for heard in hall.heard.values())
        await hall.leave()

    run(scenario)


def test_what_happens_in_a_room_meanwhile_is_told_after_what_was_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(feed: Feed) -> None:
        hall = Hall(feed, 3, monkeypatch)
        await settle()
        hall.tell(*(in_room(number, 1) for number in range(5)))
        hall.tell(in_room(4, 2))
        hall.tell(in_room(9, 1))
        while await hall.turn():
            pass
        await settle()
        expected = [*(in_room(number, 1) for number in range(5)), in_room(4, 2), in_room(9, 1)]
        for heard in hall.heard.values():
            assert heard == [told.event for told in expected]
        hall.pushed = 0
        hall.tell(in_room(4, 3))
        assert hall.pushed == 3  # nothing is before it: at once
        await hall.leave()

    run(scenario)


def test_no_more_rooms_wait_to_be_told_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROOMS_UNTOLD_MAX", 10)

    async def scenario(feed: Feed) -> None:
        hall = Hall(feed, 2, monkeypatch)
        await settle()
        hall.tell(*(in_room(number, 1) for number in range(30)))
        assert hall.pushed == 2 * 20
        for _ in range(10):
            assert await hall.turn() == 2
        assert await hall.turn() == 0
        await hall.leave()

    run(scenario)


def _kind(item: Item) -> str:
    if isinstance(item, PresenceChanged):
        return "somebody comes" if item.online else "somebody is gone"
    return "a beat" if isinstance(item, Beat) else "an event"


def work() -> None:
    end = thread_time() + 50e-6
    while thread_time() < end:
        pass


def longest_gap(scenario: Callable[[list[float]], Coroutine[None, None, None]]) -> float:
    """In seconds of processor time, since the scenario has last cleared the list."""
    gaps: list[float] = []
    loop = asyncio.SelectorEventLoop(TimedSelector(lambda *gap: gaps.append(gap[1]), thread_time))
    loop.run_until_complete(scenario(gaps))
    loop.close()
    return max(gaps)
