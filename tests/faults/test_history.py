"""The checker itself: histories that one chat can have shown, and some that none can."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.faults.history import (
    UNKNOWN,
    Call,
    Edit,
    Line,
    Mark,
    Op,
    Page,
    Pair,
    React,
    Send,
    State,
    Unsend,
    check,
    step,
)

PAIR = ("ann", "bob")


def op(call: Call, invoked: float, returned: float = UNKNOWN) -> Op:
    return Op(PAIR, call, invoked, returned)


def sent(number: int, invoked: float, returned: float, sequence: int = 0) -> Op:
    return op(Send(f"m{number}", "ann", sequence or number), invoked, returned)


def page(at: float, *lines: str, until: float = 0.0) -> Op:
    """Lines like "1 unread"."""
    shown = tuple(Line(f"m{line[0]}", "ann", line[2:]) for line in lines)
    return op(Page(shown, len(shown)), at, until or at + 1)


LINE = Line("m1", "ann", "unread")
ROOM = ("#five",)
FIVE = ("ann", "bob", "cat", "dan", "eve")


def shown(at: float, line: Line) -> Op:
    return op(Page((line,), 1), at, at + 1)


def in_room(ops: list[Op]) -> list[Op]:
    return [Op(ROOM, each.call, each.invoked, each.returned) for each in ops]


GOOD = {
    "edited beside a read": [
        sent(1, 1, 2), op(Edit("m1", "x", True), 3, 9), shown(4, LINE),
        shown(10, LINE._replace(edit="x")),
    ],
    "an unanswered edit": [sent(1, 1, 2), op(Edit("m1", "x"), 3), shown(4, LINE),
                           shown(10, LINE._replace(edit="x"))],
    "unsent, so not edited": [
        sent(1, 1, 2), op(Unsend("m1", True), 3, 9), op(Edit("m1", "x", False), 3, 9),
        page(10, "1 deleted"),
    ],
    "reactions in their order": [
        sent(1, 1, 2), op(React("m1", "bob", "u", True, True), 3, 4),
        op(React("m1", "ann", "u", True, True), 5, 6),
        op(React("m1", "bob", "u", True, True), 7, 8),
        shown(9, LINE._replace(reactions=(("u", ("bob", "ann")),))),
    ],
    "a reaction that went": [
        sent(1, 1, 2), op(React("m1", "bob", "u", True, True), 3, 4),
        op(React("m1", "bob", "u", False, True), 5, 6), page(9, "1 unread"),
    ],
    "read by two of a room": in_room([
        sent(1, 1, 2), op(Mark("bob", 0, 1), 3, 9), op(Mark("cat", 0, 1), 3, 9),
        op(Mark("bob", 0, 0), 10, 11), shown(12, LINE._replace(status="read", read_by=2)),
    ]),
    "nothing": [page(1)],
    "in order": [sent(1, 1, 2), sent(2, 3, 4), page(9, "1 unread", "2 unread")],
    "side by side": [sent(2, 1, 9, 1), sent(1, 1, 9, 2), page(10, "2 unread", "1 unread")],
    "a read beside a send sees it": [sent(1, 1, 9), page(2, "1 unread"), page(10, "1 unread")],
    "a read beside a send does not": [sent(1, 1, 9), page(2), page(10, "1 unread")],
    "unanswered and there": [op(Send("m1", "ann"), 1), page(5), page(9, "1 unread")],
    "unanswered and not there": [op(Send("m1", "ann"), 1), page(9)],
    "unanswered, late": [
        op(Send("m1", "ann"), 1), sent(2, 5, 6, 1), page(9, "2 unread", "1 unread"),
    ],
    "unsent, so not read": [
        sent(1, 1, 2), op(Unsend("m1", True), 3, 9), op(Mark("bob", 0, 0), 3, 9),
        page(10, "1 deleted"),
    ],
    "read, so not unsent": [
        sent(1, 1, 2), op(Unsend("m1", False), 3, 9), op(Mark("bob", 0, 1), 3, 9),
        page(10, "1 read"),
    ],
    "an unanswered mark": [sent(1, 1, 2), op(Mark("bob", 0), 3), page(9, "1 read")],
    "marks one after the other": [
        sent(1, 1, 2), sent(2, 3, 4), op(Mark("bob", 1, 1), 5, 9), op(Mark("bob", 1, 1), 5, 9),
        page(10, "1 read", "2 read"),
    ],
}  # fmt: skip
BAD = {
    "an edit that is lost": [sent(1, 1, 2), op(Edit("m1", "x", True), 3, 4), shown(9, LINE)],
    "an older edit than was said": [
        sent(1, 1, 2), op(Edit("m1", "x", True), 3, 4), op(Edit("m1", "y", True), 5, 6),
        shown(9, LINE._replace(edit="x")),
    ],
    "an edit that comes back": [
        sent(1, 1, 2), op(Edit("m1", "x", True), 3, 9), shown(4, LINE._replace(edit="x")),
        shown(6, LINE), shown(10, LINE._replace(edit="x")),
    ],
    "edited and unsent": [
        sent(1, 1, 2), op(Unsend("m1", True), 3, 4), op(Edit("m1", "x", True), 5, 6),
        page(9, "1 deleted"),
    ],
    "a reaction that is doubled": [
        sent(1, 1, 2), op(React("m1", "bob", "u", True, True), 3, 4),
        shown(9, LINE._replace(reactions=(("u", ("bob", "bob")),))),
    ],
    "a reaction that is lost": [
        sent(1, 1, 2), op(React("m1", "bob", "u", True, True), 3, 4), shown(9, LINE),
    ],
    "one of a room reads for another": in_room([
        sent(1, 1, 2), op(Mark("bob", 0, 1), 3, 4), op(Mark("cat", 0, 0), 5, 6),
        shown(9, LINE._replace(status="read", read_by=1)),
    ]),
    "a reader of a room who is lost": in_room([
        sent(1, 1, 2), op(Mark("bob", 0, 1), 3, 4), op(Mark("cat", 0, 1), 5, 6),
        shown(9, LINE._replace(status="read", read_by=1)),
    ]),
    "lost": [sent(1, 1, 2), sent(2, 3, 4), page(9, "1 unread")],
    "lost from the middle": [
        sent(1, 1, 2), sent(2, 3, 4), sent(3, 5, 6), page(9, "1 unread", "3 unread"),
    ],
    "doubled": [sent(1, 1, 2), page(9, "1 unread", "1 unread")],
    "unanswered and doubled": [op(Send("m1", "ann"), 1), page(9, "1 unread", "1 unread")],
    "never sent": [page(9, "1 unread")],
    "reordered": [sent(1, 1, 2, 2), sent(2, 3, 4, 1), page(9, "2 unread", "1 unread")],
    "another place than was said": [sent(1, 1, 2), sent(2, 1, 2), page(9, "2 unread", "1 unread")],
    "one place twice": [sent(1, 1, 2, 1), sent(2, 1, 2, 1), page(9, "1 unread", "2 unread")],
    "a stale read": [sent(1, 1, 2), page(3), page(9, "1 unread")],
    "reads that go back": [sent(1, 1, 9), page(2, "1 unread"), page(4), page(10, "1 unread")],
    "unsent and read": [
        sent(1, 1, 2), op(Unsend("m1", True), 3, 9), op(Mark("bob", 0, 1), 3, 9),
        page(10, "1 deleted"),
    ],
    "unsent and still there": [sent(1, 1, 2), op(Unsend("m1", True), 3, 4), page(9, "1 unread")],
    "read by nobody": [sent(1, 1, 2), page(9, "1 read")],
    "marked twice": [
        sent(1, 1, 2), op(Mark("bob", 0, 1), 3, 4), op(Mark("bob", 0, 1), 5, 6), page(9, "1 read"),
    ],
    "the own message marked": [sent(1, 1, 2), op(Mark("ann", 0, 1), 3, 4), page(9, "1 read")],
    "before it was sent": [page(1, "1 unread"), sent(1, 3, 4), page(9, "1 unread")],
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_possible(name: str) -> None:
    assert check(GOOD[name]) == []


@pytest.mark.parametrize("name", BAD)
def test_impossible(name: str) -> None:
    assert check(BAD[name])


def test_what_is_lost_and_doubled_is_named() -> None:
    assert "LOST: Send(id='m2'" in check(BAD["lost"])[0]
    assert "DOUBLED: m1" in check(BAD["doubled"])[0]


def test_conversations_are_apart() -> None:
    other = ("ann", "cat")
    history = [sent(1, 1, 2), Op(other, Send("m1", "ann", 1), 3, 4), page(9, "1 unread")]
    lines = (Line("m1", "ann", "unread"),)
    assert check([*history, Op(other, Page(lines, 1), 9, 10)]) == []


def random_history(seed: int, pair: Pair = PAIR) -> list[Op]:
    """400 calls, up to six at once, each with its effect at a moment between its ends."""
    generator = random.Random(seed)
    state: State = ()
    ops: list[Op] = []
    at = 0.0
    for number in range(400):
        at += 1.0
        invoked, returned = at - generator.uniform(0, 3), at + generator.uniform(0, 3)
        people = PAIR if pair == PAIR else FIVE
        call = random_call(generator, number, state, people)
        done = Op(pair, call, invoked, returned if generator.random() < 0.97 else UNKNOWN)
        after = step(state, done)
        assert after is not None
        state = after
        ops.append(done)
    return [*ops, Op(pair, Page(as_shown(state), len(state)), at + 4, at + 5)]


def as_shown(state: State) -> State:
    return tuple(line._replace(readers=frozenset()) for line in state)


def random_call(
    generator: random.Random, number: int, state: State, people: tuple[str, ...]
) -> Call:
    kind = generator.randrange(12)
    if kind < 6 or not state:
        return Send(f"m{number}", generator.choice(people), len(state) + 1)
    if kind < 8:
        return Page(as_shown(state[-5:]), len(state))
    if kind == 8:
        reader = generator.choice(people)
        others = [line for line in state if line.sender != reader]
        if people == FIVE:
            waiting = [x for x in others if x.status != "deleted" and reader not in x.readers]
        else:
            waiting = [x for x in others if x.status == "unread"]
        return Mark(reader, 2, min(2, len(waiting)))
    line = generator.choice(state[-4:])
    if kind == 9:
        return Edit(line.id, f"{number}", line.status != "deleted")
    if kind == 10:
        name, on = generator.choice(people), generator.random() < 0.7
        return React(line.id, name, generator.choice("uv"), on, line.status != "deleted")
    return Unsend(line.id, line.status != "read")


@pytest.mark.parametrize("pair", [PAIR, ROOM], ids="-".join)
@pytest.mark.parametrize("seed", range(20))
def test_random_histories(seed: int, pair: Pair) -> None:
    """What a real order produced is accepted; with two answers exchanged it is refused."""
    history = random_history(seed, pair)
    assert check(history) == []
    sends = [n for n, one in enumerate(history) if isinstance(one.call, Send) and one.known]
    first, last = sends[0], sends[-1]
    one, other = history[first], history[last]
    history[first], history[last] = replace(one, call=other.call), replace(other, call=one.call)
    assert check(history)
