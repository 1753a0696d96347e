"""Moves: what may happen next in a state, within the bounds.

What happens to a server and what happens to another commute, but for the order in which a third
hears of it. So something happens to a server only when it is its turn, or when nothing is due:
just before its next event, that is, and not also before everybody else's. Which of two words
comes first to a third is tried by letting the other be late.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.explore.model import Action, Bounds, Pair, State

_WORDS = ("message", "ping")
# Whatever may happen at any moment while this is left; a late event is left until it happens.
_NEEDS = {"write": "writes", "crash": "crashes", "power": "power", "stop": "stops",
          "hold": "lates", "double": "doubles", "pause": "pauses", "cut": "cuts",
          "refuse": "refusals", "reset": "resets", "start": "restarts"}  # fmt: skip


def moves(state: State, bounds: Bounds) -> Iterator[Action]:
    """What happens by itself comes first."""
    at_rest = state.turn == 0
    if state.has("epochs") or not at_rest:
        yield ("go",)
    for action in _others(state, bounds):
        if at_rest or action[0] not in bounds.at_rest:
            yield action


def goes_by_itself(state: State, bounds: Bounds) -> bool:
    """Nothing but what happens by itself may happen before the next rest."""
    anytime = (budget for kind, budget in _NEEDS.items() if kind not in bounds.at_rest)
    if any(state.has(budget) for budget in anytime):
        return False
    return "release" in bounds.at_rest or not state.late


def _others(state: State, bounds: Bounds) -> Iterator[Action]:
    ids = range(1, len(state.servers) + 1)
    for number in ids:
        if state.turn in (0, number):
            yield from _with_server(state, bounds, number)
    for place, event in enumerate(state.late):
        mine = state.turn in (0, event.to) and state.server(event.to).acts
        if mine and event not in state.late[:place]:
            yield ("release", place)
    if state.cuts:
        yield ("heal",)
    if state.has("cuts") and not state.cuts:
        yield from (("cut", *pairs) for pairs in _cuts(ids, bounds.cut_shapes))
    for one in ids:
        for other in ids:
            if one != other and state.server(one).acts and state.server(other).runs:
                if state.has("resets"):
                    yield ("reset", one, other)
                if state.has("refusals") and not state.walls:
                    yield ("refuse", one, other)


def _with_server(state: State, bounds: Bounds, number: int) -> Iterator[Action]:
    server, queue = state.server(number), state.queues[number - 1]
    if not server.runs:
        if state.has("restarts"):
            yield ("start", number)
        return
    if server.acts:
        if queue and state.has("lates") and queue[0].kind in bounds.late:
            yield ("hold", number)
        if queue and state.has("doubles") and queue[0].kind in _WORDS:
            yield ("double", number)
        if server.leads and state.has("writes"):
            yield ("write", number)
        if state.has("stops"):
            yield ("stop", number)
    yield from _ends(state, number)


def _ends(state: State, number: int) -> Iterator[Action]:
    server = state.server(number)
    for kept in range(server.unsynced + 1):
        if state.has("crashes"):
            yield ("crash", number, kept)
        if state.has("power"):
            yield ("power", number, kept)
    if server.paused:
        yield ("resume", number)
    elif state.has("pauses"):
        yield ("pause", number)


def _cuts(ids: range, shapes: tuple[str, ...]) -> Iterator[tuple[Pair, ...]]:
    """Between one server and all others, between two, or of what one says to another."""
    for one in ids:
        others = [other for other in ids if other != one]
        if "server" in shapes:
            yield (*((one, other) for other in others), *((other, one) for other in others))
        for other in others:
            if one < other and "pair" in shapes and len(ids) > 2:
                yield (one, other), (other, one)
            if "way" in shapes:
                yield ((one, other),)
