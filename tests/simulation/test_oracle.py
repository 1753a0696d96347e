"""The oracle sees each kind of broken promise, also those that no mutation brings about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest

from chat.core.replication.leadership import View, ViewNumber
from chat.core.replication.messages import Entry
from chat.core.state.operations.post_message import PostMessage
from tests.simulation.contents import Applied
from tests.simulation.oracle import Oracle, Violation

VIEW = ViewNumber(1, 1)


def process(number: int, commit: int = 0, members: dict[int, int] | None = None) -> Any:
    found = Mock(number=number, incarnation=1000 + number)
    found.replica.commit = commit
    found.replica.report().installed = View(VIEW, members or {1: 1001, 2: 1002})
    return found


def entry(index: int, number: int = 0) -> Entry:
    return Entry(index, VIEW, PostMessage("m", "ada", "grace", "hello", number or index))


def applied(cursor: int, what: str) -> Applied:
    return Applied((what, cursor), (("grace", cursor, what),))


@pytest.fixture
def oracle() -> Oracle:
    oracle = Oracle()
    oracle.applied(process(1), entry(1), applied(1, "m1"))
    return oracle


def test_two_histories(oracle: Oracle) -> None:
    oracle.applied(process(2), entry(1), applied(1, "m1"))
    with pytest.raises(Violation, match="two histories"):
        oracle.applied(process(2), entry(1, 9), applied(1, "m1"))
    with pytest.raises(Violation, match="two histories"):
        oracle.applied(process(2), entry(1), applied(1, "other"))


def test_an_entry_that_comes_too_early(oracle: Oracle) -> None:
    with pytest.raises(Violation, match="too early"):
        oracle.applied(process(2), entry(3), applied(2, "m2"))


@pytest.mark.parametrize(("cursor", "what", "told"), [(3, "m2", "gap"), (2, "m1", "doubled")])
def test_streams_without_gap_or_double(oracle: Oracle, cursor: int, what: str, told: str) -> None:
    with pytest.raises(Violation, match=told):
        oracle.applied(process(1), entry(2), applied(cursor, what))


def test_a_subscriber_is_sent_what_was_committed(oracle: Oracle) -> None:
    oracle.streamed("grace", 0, [(1, "m1")])
    for sent in ([(1, "m9")], [(2, "m1")], [(1, "m1"), (2, "m2")]):
        with pytest.raises(Violation, match="the stream of grace"):
            oracle.streamed("grace", 0, sent)  # type: ignore[arg-type]


def test_one_server_acknowledges_in_a_view(oracle: Oracle) -> None:
    oracle.answered(process(1), "one", ("m1", 1))
    with pytest.raises(Violation, match="two servers acknowledge"):
        oracle.answered(process(2), "two", ("m2", 2))


def test_a_retry_has_the_first_answer(oracle: Oracle) -> None:
    oracle.answered(process(1), "one", ("m1", 1))
    with pytest.raises(Violation, match="was answered with"):
        oracle.answered(process(1), "one", ("m1", 2))


def test_what_was_acknowledged_is_kept(oracle: Oracle) -> None:
    oracle.answered(process(1), "one", ("m1", 1))
    oracle.check_kept()
    oracle.answered(process(1), "two", ("m2", 2))
    with pytest.raises(Violation, match="lost: two"):
        oracle.check_kept()


def test_who_serves_and_who_answers_has_everything(oracle: Oracle) -> None:
    with pytest.raises(Violation, match="lost"):
        oracle.serves(process(1, commit=0))
    with pytest.raises(Violation, match="stale"):
        oracle.read(process(1, commit=0), committed_before=1)


def test_a_promise_is_not_forgotten(oracle: Oracle) -> None:
    oracle.promise_sent(process(1), ViewNumber(7, 1))
    with pytest.raises(Violation, match="forgot"):
        oracle.started(process(1), ViewNumber(6, 3))


def test_who_was_left_out_is_silent(oracle: Oracle) -> None:
    out = process(2, commit=1)
    oracle.left_out(out)
    deeds: tuple[Callable[[], None], ...] = (
        lambda: oracle.applied(out, entry(1), applied(1, "m1")),
        lambda: oracle.answered(out, "one", ("m1", 1)),
        lambda: oracle.read(out, 0),
        lambda: oracle.serves(out),
    )
    for does in deeds:
        with pytest.raises(Violation, match="after it was left out"):
            does()


def test_who_was_left_out_does_not_come_back(oracle: Oracle) -> None:
    oracle.serves(process(1, 1, {1: 1001, 2: 1002}))
    oracle.serves(process(1, 1, {1: 1001}))
    oracle.serves(process(1, 1, {1: 1001, 2: 1007}))
    with pytest.raises(Violation, match="came back"):
        oracle.serves(process(1, 1, {1: 1001, 2: 1002}))
