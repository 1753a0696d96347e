"""What a server says: in order; a word of the commit index alone waits for the next entries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from chat.core.replication.leadership import ViewNumber
from chat.core.replication.messages import Append, Entry, Farewell, Message, Position
from chat.core.state.operations.post_message import PostMessage
from chat.rpc import replication_pb2 as pb
from chat.server import speaking
from chat.server.speaking import Speaking

VIEW = ViewNumber(1, 1)
ENTRIES = Append(
    VIEW, Position(0, VIEW), (Entry(1, VIEW, PostMessage("id", "ada", "grace", "Hello.", 1)),), 0
)


def committed(index: int) -> Append:
    return Append(VIEW, Position(1, VIEW), (), index)


def said(scenario: Callable[[Speaking], object], wait_s: float = 0.0) -> list[tuple[int, str, int]]:
    """Which words come to which peer, with the commit index where they tell one."""
    heard: list[tuple[int, str, int]] = []

    def hear(peer: int, word: pb.PeerMessage) -> None:
        assert (word.sender_id, word.incarnation) == (1, 7)
        kind = str(word.WhichOneof("body"))
        if kind == "append" and not word.append.entries:
            kind = "commit"
        heard.append((peer, kind, word.append.commit))

    async def play() -> None:
        one = Speaking(1, 7, hear)
        scenario(one)
        await asyncio.sleep(wait_s)
        one.end()

    asyncio.run(play())
    return heard


LONG_ENOUGH_S = 3 * speaking._WAIT_S


def test_entries_come_at_once_and_tell_what_waited() -> None:
    def scenario(one: Speaking) -> None:
        one.say([(2, committed(1)), (3, committed(1)), (2, ENTRIES)])

    assert said(scenario) == [(2, "append", 0)]
    assert said(scenario, LONG_ENOUGH_S) == [(2, "append", 0), (3, "commit", 1)]


def test_of_several_the_newest_is_said_and_once() -> None:
    def scenario(one: Speaking) -> None:
        one.say([(2, committed(1))])
        one.say([(2, committed(2))])

    assert said(scenario, LONG_ENOUGH_S) == [(2, "commit", 2)]


def test_other_words_come_after_what_waited() -> None:
    def scenario(one: Speaking) -> None:
        addressed: list[tuple[int, Message]] = [(2, committed(1)), (2, Farewell())]
        one.say(addressed)

    assert said(scenario) == [(2, "commit", 1), (2, "farewell", 0)]


def test_what_waits_is_not_said_on_a_later_stream_nor_after_the_end() -> None:
    def broken(one: Speaking) -> None:
        one.say([(2, committed(1)), (3, committed(1))])
        one.forget(2)

    assert said(broken, LONG_ENOUGH_S) == [(3, "commit", 1)]
    assert said(broken) == []


def test_what_was_said_is_not_said_again_at_each_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """But now and then, in case it was lost; and at once on another stream."""

    def twice(one: Speaking) -> None:
        one.say([(2, committed(1)), (3, committed(1))])
        one._waited()
        one.forget(3)
        one.say([(2, committed(1)), (3, committed(1))])
        one._waited()

    assert said(twice) == [(2, "commit", 1), (3, "commit", 1), (3, "commit", 1)]
    monkeypatch.setattr(speaking, "_AGAIN_S", 0.0)
    assert said(twice).count((2, "commit", 1)) == 2


def test_after_other_words_it_is_said_once_more() -> None:
    def scenario(one: Speaking) -> None:
        one.say([(2, committed(1))])
        one._waited()
        one.say([(2, ENTRIES), (2, committed(1))])
        one._waited()

    assert said(scenario) == [(2, "commit", 1), (2, "append", 0), (2, "commit", 1)]
