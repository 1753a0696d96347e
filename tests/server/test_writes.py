"""Whose writes are in the next batch: everybody's in turn, and each one's own in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest

from chat.core import limits
from chat.core.errors import NoQuorum
from chat.core.state.model import Outcome
from chat.core.state.operations import Operation
from chat.core.state.operations.post_message import PostMessage
from chat.server.writes import Writes

_numbers = count()


def post(sender: str, text: str = "x") -> PostMessage:
    return PostMessage(f"{next(_numbers)}", sender, "zoe", text, 1)


def senders(batch: list[Operation]) -> str:
    return "".join(operation.sender for operation in batch if isinstance(operation, PostMessage))


@pytest.fixture
def writes() -> Iterator[Writes]:
    loop = asyncio.new_event_loop()
    yield Writes(loop)
    loop.close()


def applied(writes: Writes, batch: list[Operation], first: int) -> None:
    for ticket in range(first, first + len(batch)):
        writes.applied(ticket, Outcome(None))


def test_one_of_each_user_in_turn(writes: Writes) -> None:
    operations = [post(sender) for sender in "aaaabbc"]
    for operation in operations:
        writes.take(operation, 0.0)
    batch, _ = writes.next_batch()
    assert senders(batch) == "abcabaa"
    for user in "abc":
        own = [each for each in batch if isinstance(each, PostMessage) and each.sender == user]
        assert own == [each for each in operations if each.sender == user]


def test_a_write_that_is_not_confirmed_in_time_is_told_so_and_counts_on(writes: Writes) -> None:
    early, late, done = (
        writes.take(post(name), at) for name, at in (("a", 0.0), ("b", 1.0), ("c", 0.0))
    )
    done.set_result(Outcome(None))
    writes.tell_late(limits.WRITE_TIMEOUT_S)
    assert isinstance(early.exception(), NoQuorum)
    assert not late.done()
    writes.tell_late(limits.WRITE_TIMEOUT_S + 1.0)
    assert isinstance(late.exception(), NoQuorum)
    assert writes.in_hand == 3
    assert not writes._waiting


def test_who_writes_little_is_in_the_next_batch(
    writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WRITE_BATCH_BYTES_MAX", 4 * (limits.TEXT_BYTES_MAX + 1024))
    for _ in range(100):
        writes.take(post("a", "x" * limits.TEXT_BYTES_MAX), 0.0)
    first, ticket = writes.next_batch()
    assert set(senders(first)) == {"a"}
    assert len(first) < 5
    late = post("b")
    writes.take(late, 0.0)
    applied(writes, first, ticket)
    second, ticket = writes.next_batch()
    assert late in second
    applied(writes, second, ticket)
    while writes.batch_is_due:
        applied(writes, *writes.next_batch())
    assert not writes.in_hand
    assert not writes._user_bytes


def test_an_equal_operation_of_another_time_answers_nobody(writes: Writes) -> None:
    """An entry is found by its ticket: what was lost and is applied after all has none here."""
    lost = writes.take(post("a"), 0.0)
    _, first = writes.next_batch()
    writes.lose_all(NoQuorum("lost"))
    waits = writes.take(post("a"), 0.0)
    batch, second = writes.next_batch()
    assert not writes.applied(first, Outcome(None))
    assert not writes.applied(0, Outcome(None))  # another leader's entry
    assert isinstance(lost.exception(), NoQuorum)
    assert not waits.done()
    applied(writes, batch, second)
    assert waits.result() == Outcome(None)
    assert not writes.in_hand
