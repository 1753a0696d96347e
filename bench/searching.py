"""How long a search over everything takes, with a million messages stored, and who waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import cycle
from typing import Any, Final

from bench.load import Call, Measured, Pace, hammer, paced
from bench.row import Row
from bench.sending import sender
from bench.servers import Data, Servers, metadata
from bench.spread import Spread
from chat.rpc import chat_pb2 as pb

_STORED: Final = 1_000_000
_PEOPLE: Final = 40  # so each may see 50,000 of them
_REACH: Final = "200 ms"
# What populate says, and what it does not.
_CHEAP, _COSTLY = "hundred", "z"
_WANTED: Final = (
    ("a word that most have", _CHEAP),
    ("a part of a word that few have", "00123"),
    ("a word that none has", "elsewhere"),
    ("two letters that most have", "wr"),
    ("a letter that none has", _COSTLY),
    ("twelve words", "a message of hundred characters as people write them in chat done"),
)
_AT_ONCE: Final = 20
_SENDS_A_SECOND: Final = 50


def searcher(stub: Any, people: Sequence[str], words: str) -> Call:
    """The first page, for one after the other; it fails where not all is in the index."""
    who = cycle(people)

    async def find() -> None:
        request = pb.SearchMessagesRequest(words=words)
        answer = await stub.SearchMessages(request, metadata=metadata(next(who)))
        assert not answer.incomplete

    return find


async def search(pace: Pace) -> list[Row]:
    """One at a time, and by twenty people at once beside sends."""
    with Servers(Data(_PEOPLE, _STORED, servers=1)) as servers:
        size = (servers.folder / "data" / "search_1.db").stat().st_size
        stub = servers.launched().stub()
        calls = {what: searcher(stub, servers.users, words) for what, words in _WANTED}
        rows = [
            Row(f"search in {_STORED:,} messages: {what}", _REACH, await _alone(call, pace))
            for what, call in calls.items()
        ]
        rows += await _at_once(servers, stub, list(calls.values()), pace)
        rows.append(Row("disk that the index takes", "–", f"{size / _STORED:.0f} bytes a message"))
        return rows


async def _alone(call: Call, pace: Pace) -> str:
    rounds = [await hammer(call, 1, pace.seconds) for _ in range(pace.rounds)]
    medians, late = (Spread.of(each.quantile_ms(share) for each in rounds) for share in (0.5, 0.99))
    return f"{medians.text(1)} ms; 99th percentile {late.text(0)} ms"


async def _at_once(servers: Servers, stub: Any, calls: Sequence[Call], pace: Pace) -> list[Row]:
    """Everybody searches again as soon as there is an answer, for each of these in turn."""
    turns = cycle(calls)

    async def find() -> None:
        await next(turns)()

    seconds = max(10.0, pace.seconds * pace.rounds)
    send = sender(servers, stub)
    began = time.perf_counter()
    found, sent = await asyncio.gather(
        hammer(find, _AT_ONCE, seconds), paced(send, _SENDS_A_SECOND, seconds)
    )
    info = servers.info(1)
    patient, hasty = servers.users[:_AT_ONCE], servers.users[_AT_ONCE:]
    assert info is not None
    assert time.perf_counter() - began < 50.0, "the gap that is told is of the last minute"
    costly, cheap = await asyncio.gather(
        hammer(searcher(stub, patient, _COSTLY), _AT_ONCE, seconds),
        hammer(searcher(stub, hasty, _CHEAP), 1, seconds),
    )
    return [
        Row(f"{_AT_ONCE} people at once: searches a second", "–", f"{found.per_second:,.0f}"),
        Row("the same: one search", "–", _spread(found)),
        Row(f"the same: {_SENDS_A_SECOND} sends a second beside them", "–", _spread(sent)),
        Row("the same: the longest gap of the loop", "20 ms", f"{info.longest_gap_ms} ms"),
        Row(f"{_AT_ONCE} people who ask for a letter that is nowhere", "–", _spread(costly)),
        Row("one beside them who asks for a word", _REACH, _spread(cheap)),
    ]


def _spread(measured: Measured) -> str:
    middle, late = measured.quantile_ms(0.5), measured.quantile_ms(0.99)
    return f"{middle:.0f} ms; 99th percentile {late:.0f} ms"
