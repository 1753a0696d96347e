"""What concurrent clients saw, and whether one chat can have shown it to them.

`check` looks for an order of all calls of a conversation that agrees with real time and with
every answer (linearizability, after Wing and Gong, with Lowe's memory of what was tried). A
call without an answer may have happened at any later time, or never.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Union

UNKNOWN = math.inf  # when a call came back that never did

# Whose conversation it is: of two people, or of a room, which is one name.
Pair = tuple[str, ...]
# Below a message, in order: each emoji with those who put it there.
Reactions = tuple[tuple[str, tuple[str, ...]], ...]


class Line(NamedTuple):
    """A message as a page shows it. Its text follows from the id, and the client compares it (see
    `people.text_of`), but for what it was edited to. `readers` are known to the model alone."""

    id: str
    sender: str
    status: str  # "unread", "read", "deleted"
    edit: str = ""
    reactions: Reactions = ()
    read_by: int = 0  # in a room
    readers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Send:
    id: str
    sender: str
    sequence: int = 0  # the answer


@dataclass(frozen=True, slots=True)
class Mark:
    reader: str
    limit: int
    marked: int = 0  # the answer


@dataclass(frozen=True, slots=True)
class Unsend:
    id: str
    deleted: bool = False  # the answer; False = it was read already


@dataclass(frozen=True, slots=True)
class Edit:
    id: str
    edit: str
    done: bool = False  # the answer; False = it was unsent


@dataclass(frozen=True, slots=True)
class React:
    id: str
    name: str
    emoji: str
    on: bool
    done: bool = False  # as of Edit


@dataclass(frozen=True, slots=True)
class Page:
    """The answer to a read: the newest lines, and how many there are in all."""

    lines: tuple[Line, ...]
    count: int


Call = Union[Send, Mark, Unsend, Edit, React, Page]


@dataclass(frozen=True, slots=True)
class Op:
    """One call with its answer. Times are seconds on one clock."""

    pair: Pair
    call: Call
    invoked: float
    returned: float = UNKNOWN

    @property
    def known(self) -> bool:
        return self.returned != UNKNOWN

    @property
    def in_room(self) -> bool:
        return len(self.pair) == 1


State = tuple[Line, ...]


def step(state: State, op: Op) -> State | None:
    """The conversation after the call; None where the answer could not have been this one."""
    call, known = op.call, op.known
    if isinstance(call, Send):
        right = not known or call.sequence == len(state) + 1
        return (*state, Line(call.id, call.sender, "unread")) if right else None
    if isinstance(call, Mark):
        return (_mark_in_room if op.in_room else _mark)(state, call, known)
    if isinstance(call, Unsend):
        return _unsend(state, call, known)
    if isinstance(call, (Edit, React)):
        return _change(state, call, known)
    newest = state[len(state) - len(call.lines) :]
    seen = tuple(line._replace(readers=frozenset()) for line in newest)
    return state if (seen, len(state)) == (call.lines, call.count) else None


def _mark(state: State, call: Mark, known: bool) -> State | None:
    waiting = [
        place
        for place, line in enumerate(state)
        if line.status == "unread" and line.sender != call.reader
    ]
    chosen = frozenset(waiting[: call.limit] if call.limit else waiting)
    if known and call.marked != len(chosen):
        return None
    if not chosen:
        return state
    return tuple(
        line._replace(status="read") if place in chosen else line
        for place, line in enumerate(state)
    )


def _mark_in_room(state: State, call: Mark, known: bool) -> State | None:
    """Each reads for themselves."""
    reader = call.reader
    waiting = [
        place
        for place, line in enumerate(state)
        if line.status != "deleted" and line.sender != reader and reader not in line.readers
    ]
    chosen = frozenset(waiting[: call.limit] if call.limit else waiting)
    if known and call.marked != len(chosen):
        return None
    return tuple(
        line._replace(status="read", read_by=line.read_by + 1, readers=line.readers | {reader})
        if place in chosen
        else line
        for place, line in enumerate(state)
    )


def _change(state: State, call: Edit | React, known: bool) -> State | None:
    for place in range(len(state) - 1, -1, -1):
        line = state[place]
        if line.id == call.id:
            is_there = line.status != "deleted"
            if known and call.done != is_there:
                return None
            if not is_there:
                return state
            if isinstance(call, Edit):
                after = line._replace(edit=call.edit)
            else:
                reactions = reacted(line.reactions, call.name, call.emoji, call.on)
                after = line._replace(reactions=reactions)
            return (*state[:place], after, *state[place + 1 :])
    return None if known else state


def reacted(reactions: Reactions, name: str, emoji: str, on: bool) -> Reactions:
    """Who puts it there again has no effect."""
    known = dict(reactions)
    names = known.get(emoji, ())
    if on == (name in names):
        return reactions
    known[emoji] = (*names, name) if on else tuple(each for each in names if each != name)
    return tuple((each, names) for each, names in known.items() if names)


def _unsend(state: State, call: Unsend, known: bool) -> State | None:
    for place in range(len(state) - 1, -1, -1):
        line = state[place]
        if line.id == call.id:
            if known and call.deleted != (line.status != "read"):
                return None
            gone = line._replace(status="deleted", edit="", reactions=())
            after = gone if line.status == "unread" else line
            return (*state[:place], after, *state[place + 1 :])
    return None if known else state


class _Config(NamedTuple):
    """How far an attempted order has come: `first` known calls and those in `more`, some of
    the unknown ones, and what the conversation is then."""

    first: int
    more: frozenset[int]
    guessed: frozenset[int]
    state: State


def find_order(ops: Iterable[Op], state: State = ()) -> str:
    """Empty if there is an order; else where the longest attempt came to an end."""
    every = sorted(ops, key=lambda op: op.invoked)
    known = [op for op in every if op.known]
    unknown = [op for op in every if not op.known]
    stack = [_Config(0, frozenset(), frozenset(), state)]
    tried: set[_Config] = set()
    furthest = stack[0]
    while stack:
        config = _settle(stack.pop())
        if config in tried:
            continue
        tried.add(config)
        if config.first == len(known):
            return ""
        if _length(config) > _length(furthest):
            furthest = config
        stack.extend(_nexts(config, known, unknown))
    return _describe(furthest, known)


def _length(config: _Config) -> int:
    return config.first + len(config.more)


def _settle(config: _Config) -> _Config:
    first, more = config.first, config.more
    while first in more:
        more -= {first}
        first += 1
    return config._replace(first=first, more=more)


def _possible(config: _Config, known: Sequence[Op]) -> tuple[list[int], float]:
    """Which known calls may come next: those that began before any other of them ended."""
    places: list[int] = []
    earliest = UNKNOWN
    for place in range(config.first, len(known)):
        if known[place].invoked > earliest:
            break
        if place not in config.more:
            places.append(place)
            earliest = min(earliest, known[place].returned)
    return [place for place in places if known[place].invoked <= earliest], earliest


def _nexts(config: _Config, known: Sequence[Op], unknown: Sequence[Op]) -> Iterator[_Config]:
    """The likeliest last, because it is taken first: what was answered, the earliest first."""
    places, earliest = _possible(config, known)
    for place, op in enumerate(unknown):
        if place not in config.guessed and op.invoked <= earliest:
            after = step(config.state, op)
            if after is not None:
                yield config._replace(guessed=config.guessed | {place}, state=after)
    for place in sorted(places, key=lambda one: -known[one].returned):
        after = step(config.state, known[place])
        if after is not None:
            yield config._replace(more=config.more | {place}, state=after)


def _describe(config: _Config, known: Sequence[Op]) -> str:
    places, _ = _possible(config, known)
    lines = [f"{_length(config)} of {len(known)} calls have an order; then there were"]
    lines += [f"  {line}" for line in config.state[-5:]]
    lines.append(f"  ({len(config.state)} messages), and none of these can be next:")
    lines += [f"  {known[place]}" for place in places]
    return "\n".join(lines)


def check(ops: Iterable[Op]) -> list[str]:
    """Everything that is wrong, as text; empty = one chat can have shown all this. The last
    call of each conversation must be a page with all of its lines, read when all was quiet."""
    by_pair: dict[Pair, list[Op]] = defaultdict(list)
    for op in ops:
        by_pair[op.pair].append(op)
    problems: list[str] = []
    for pair, own in by_pair.items():
        found = [*_lost_and_doubled(own), find_order(own)]
        problems += [f"{' and '.join(pair)}: {problem}" for problem in found if problem]
    return problems


def _lost_and_doubled(ops: Sequence[Op]) -> Iterator[str]:
    """No more than `find_order` finds, but said in words that name the message."""
    final = max(ops, key=lambda op: op.invoked).call
    assert isinstance(final, Page), "the last call must be a read"
    assert len(final.lines) == final.count, "the last read must be of all lines"
    ids = [line.id for line in final.lines]
    for op in ops:
        if isinstance(op.call, Send) and op.known and op.call.id not in ids:
            yield f"LOST: {op.call} was acknowledged"
    for one in {one for one in ids if ids.count(one) > 1}:
        yield f"DOUBLED: {one} is there {ids.count(one)} times"
