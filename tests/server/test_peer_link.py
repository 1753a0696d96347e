"""Every order of what may happen to the stream to a peer: words to say, answers, strangers, resets,
ends, new processes.

The link is the real one, on a transport of the test's own. Whatever came before: words come in the
order in which they were said, once, and never on a later stream than the one they were said for;
each end of a stream is told once; and once the transport behaves, a word gets through.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from chat.config import Address
from chat.rpc import replication_pb2 as pb
from chat.server import peers
from chat.server.peering import REPLICATE
from chat.server.peers import PeerLink
from tests.server.test_peering import server

WORDS_MAX = 3
_TURNS = 15  # of the loop, after which nothing more goes on by itself


class Broken(grpc.RpcError):
    pass


class Call:
    """One stream as the caller sees it; the test decides how it goes on."""

    def __init__(self, metadata: Any) -> None:
        loop = asyncio.get_running_loop()
        self.metadata = metadata
        self.answer: asyncio.Future[Any] = loop.create_future()
        self.write_waits: asyncio.Future[None] | None = None
        self.word = 0  # that is being written
        self._over: asyncio.Future[None] = loop.create_future()

    # --- what PeerLink uses ---

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        self._over.add_done_callback(callback)

    async def initial_metadata(self) -> Any:
        return await self.answer

    async def write(self, message: pb.PeerMessage) -> None:
        assert self.write_waits is None, "one at a time"
        if self.done():
            raise asyncio.InvalidStateError("the call is over")
        self.word = message.incarnation
        self.write_waits = asyncio.get_running_loop().create_future()
        try:
            await self.write_waits
        finally:
            self.write_waits = None

    def done(self) -> bool:
        return self._over.done()

    def cancel(self) -> None:
        self.end(Broken())

    # --- what the test does ---

    def end(self, how: BaseException | None = None) -> None:
        """With an error for whoever waits; without one in good order, and what is being written
        is lost in silence."""
        if not self._over.done():
            self._over.set_result(None)
        for waiting in (self.answer, self.write_waits):
            if waiting is not None and not waiting.done():
                if how is not None:
                    waiting.set_exception(how)
                else:
                    waiting.set_result(None)

    def take(self) -> int:
        assert self.write_waits is not None
        self.write_waits.set_result(None)
        return self.word


class World:
    """The link of server 1 to server 2, and all that happens at its other end."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.peer = server(2)
        self.breaks = 0
        self.said: list[int] = []  # by word: how many breaks came before it
        self.heard: list[int] = []
        self.stood = self.told = 0
        address = Address("127.0.0.1", 8002)
        self.link = PeerLink(2, address, self, server(1), self._tell)  # type: ignore[arg-type]

    # --- a Trust and a channel ---

    def aio_channel(self, *_: Any) -> Any:
        return self

    def stream_unary(self, *_: Any, **__: Any) -> Any:
        return self._start

    def unary_stream(self, *_: Any, **__: Any) -> Any:
        return None

    async def close(self) -> None:
        pass

    def _start(self, metadata: Any, **_: Any) -> Call:
        self.calls.append(Call(metadata))
        return self.calls[-1]

    def _tell(self) -> None:
        self.told += 1

    # --- events ---

    @property
    def call(self) -> Call:
        return self.calls[-1]

    @property
    def opens(self) -> bool:
        return not self.call.answer.done() and not self.call.done()

    @property
    def stands(self) -> bool:
        return self.call.answer.done() and not self.call.done()

    def possible(self) -> Iterator[Callable[[], None]]:
        if len(self.link._queue) < WORDS_MAX:
            yield self.say
        if self.opens:
            yield from (self.answer, self.stranger, self.reset)
        if self.stands:
            yield from (self.reset, self.end, self.given_up)
            if self.call.write_waits is not None:
                yield self.take
        yield self.restart

    def say(self) -> None:
        self.said.append(self.breaks)
        self.link.send(pb.PeerMessage(sender_id=1, incarnation=len(self.said)))

    def answer(self) -> None:
        known, metadata = self.peer.answer(REPLICATE, self.call.metadata)
        self.call.answer.set_result(metadata)
        self.stood += bool(known)

    def stranger(self) -> None:
        self.breaks += 1
        self.call.answer.set_result(())

    def take(self) -> None:
        word = self.call.take()
        assert self.said[word - 1] == self.breaks, f"word {word} was said for an older stream"
        self.heard.append(word)

    def reset(self) -> None:
        """The connection breaks."""
        self.breaks += 1
        self.call.end(Broken())

    def end(self) -> None:
        """The other side ends the stream in good order."""
        self.breaks += 1
        self.call.end()

    def given_up(self) -> None:
        """gRPC tells of a call that it cancelled itself."""
        self.breaks += 1
        self.call.end(asyncio.CancelledError())

    def restart(self) -> None:
        self.peer = server(2)
        if not self.call.done():
            self.reset()

    def state(self) -> tuple[Any, ...]:
        """What decides how it may go on."""
        link, words = self.link, [message.incarnation for message in self.link._queue]
        writing = [self.call.word] if self.stands and self.call.write_waits else []
        ages = [
            tuple(self.said[word - 1] - self.breaks for word in each) for each in (writing, words)
        ]
        known = link._peering._epochs.get(2) == self.peer._epoch
        return (self.opens, self.stands, link._stands, link._wake.is_set(), known, *ages)

    # --- what holds ---

    async def settle(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        queue = self.link._queue
        assert self.link._queued_bytes == sum(message.ByteSize() for message in queue)
        assert self.heard == sorted(set(self.heard)), "in order, and once"
        assert self.told == self.stood - self.stands, "each end of a stream is told, once"

    async def gets_through(self) -> None:
        """From now on all goes well."""
        self.say()
        last = len(self.said)
        for _ in range(10 + 2 * WORDS_MAX):
            await self.settle()
            if self.heard and self.heard[-1] == last:
                return
            if self.opens:
                self.answer()
            elif self.call.write_waits is not None:
                self.take()
        raise AssertionError("no word gets through any more")


async def run(events: list[int]) -> tuple[tuple[Any, ...], int]:
    """Does the events, each chosen by its number of those that are possible; in what state that
    ends, and how many events are possible then."""
    world, names = World(), []
    try:
        await world.settle()
        for event in events:
            chosen = list(world.possible())[event]
            names.append(chosen.__name__)
            chosen()
            await world.settle()
        state, possible = world.state(), len(list(world.possible()))
        await world.gets_through()
    except AssertionError as error:
        raise AssertionError(f"{', '.join(names)}: {error}") from error
    finally:
        await world.link.close()
    return state, possible


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(_: Address) -> tuple[()]:
        return ()

    monkeypatch.setattr(peers, "resolve", resolve)
    monkeypatch.setattr(peers, "_RECONNECT_WAIT_S", 0)
    monkeypatch.setattr(peers, "_STRANGER_WAIT_S", 0)


async def explore(alike_max: int) -> Counter[tuple[Any, ...]]:
    """How many ways led to each state; of those beyond `alike_max` none is followed further."""
    ways: Counter[tuple[Any, ...]] = Counter()
    open_ends: deque[list[int]] = deque([[]])
    while open_ends:
        events = open_ends.popleft()
        state, possible = await run(events)
        ways[state] += 1
        if ways[state] <= alike_max:
            open_ends += [[*events, number] for number in range(possible)]
    return ways


def test_every_order_of_words_answers_resets_and_new_processes() -> None:
    """All states that the link can be in are reached, each in many ways."""
    ways = asyncio.run(explore(alike_max=30))
    assert len(ways) >= 15
    assert ways.total() > 2_000
