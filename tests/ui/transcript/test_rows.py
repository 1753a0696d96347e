"""Which messages are loaded and drawn, without a display."""

from __future__ import annotations

import random

import pytest

from chat.client.events import ChatMessage, Mark
from chat.ui.transcript.rows import Rows, order_of
from tests.ui.conftest import message


def loaded(*numbers: int, drawn_max: int = 100) -> Rows:
    rows = Rows()
    rows.load([message(n) for n in numbers], drawn_max)
    return rows


def ids(*numbers: int) -> list[str]:
    return [f"m{n}" for n in numbers]


def queued(number: int, at: float) -> ChatMessage:
    return message(number, own=True, sequence=0, sent_at=at, mark=Mark.QUEUED)


def test_what_waits_stands_below_what_the_servers_have() -> None:
    rows = loaded(1, 2)
    rows.put(queued(9, at=1.0))
    rows.put(message(3))
    assert rows.order == ids(1, 2, 3, 9)


def test_only_the_newest_are_drawn() -> None:
    rows = loaded(*range(1, 11), drawn_max=4)
    assert rows.drawn == ids(7, 8, 9, 10)
    assert rows.put(message(11))
    assert rows.drawn == ids(7, 8, 9, 10, 11)


def test_a_message_beyond_the_window_is_kept_but_not_drawn() -> None:
    rows = loaded(*range(1, 11))
    rows.first, rows.last = 2, 5
    assert not rows.put(message(11))
    assert rows.drawn == ids(3, 4, 5)
    rows.drop("m1")
    assert rows.drawn == ids(3, 4, 5)
    assert "m1" not in rows


def test_an_older_page_leaves_the_window_where_it_is() -> None:
    rows = loaded(5, 6, 7)
    assert rows.merge([message(3), message(4)]) == 2
    assert rows.order == ids(3, 4, 5, 6, 7)
    assert rows.drawn == ids(5, 6, 7)
    assert rows.merge([message(4), message(2)]) == 1
    assert rows.drawn == ids(5, 6, 7)


def test_a_page_with_a_gap_before_it_does_not_join() -> None:
    rows = loaded(1, 2, 3)
    assert rows.joins([message(3), message(4)])
    assert rows.joins([message(4)])
    assert not rows.joins([message(5)])
    assert not Rows().joins([message(1)])


def test_a_message_that_was_sent_may_move() -> None:
    rows = loaded(1)
    rows.put(queued(8, at=1.0))
    rows.put(queued(9, at=2.0))
    assert rows.keeps_place(message(8, own=True, sequence=2))
    assert not rows.keeps_place(message(9, own=True, sequence=2))


@pytest.mark.parametrize("seed", range(20))
def test_the_order_holds_whatever_comes(seed: int) -> None:
    chance = random.Random(seed)
    rows = loaded(*range(1, 21), drawn_max=8)
    for step in range(60):
        choice = chance.random()
        if choice < 0.5:
            rows.put(message(100 + step, sequence=chance.randrange(200)))
        elif choice < 0.7 and rows.order:
            rows.drop(chance.choice(rows.order))
        elif choice < 0.85:
            rows.merge([message(n) for n in range(1, chance.randrange(2, 40))])
        elif rows.order:
            rows.show_around(chance.choice(rows.order), 8)
        assert rows.order == sorted(rows.messages, key=lambda i: order_of(rows.messages[i]))
        assert 0 <= rows.first <= rows.last <= len(rows)
        assert all(rows.is_drawn(id_) for id_ in rows.drawn)
