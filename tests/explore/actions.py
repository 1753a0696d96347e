"""Actions: what the search may let happen next, each with its price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chat.core.state.operations.post_message import PostMessage
from tests.explore.cell import Answer, Cell
from tests.explore.happenings import crash, happen, is_old, launch, stop
from tests.explore.model import STEP_S, Event, OutsideTheModel, Pair
from tests.simulation.oracle import Violation

_EVENTS_MAX = 1_000  # between two rests


def go(cell: Cell) -> None:
    """What happens by itself: the next event that is due; when none is, time passes."""
    turn = cell.turn()
    if turn:
        happen(cell, cell.queues[turn - 1].pop(0))
    else:
        _pass_time(cell)


def rest(cell: Cell) -> None:
    """All that happens by itself, up to the next moment at which nothing is due; the oracle
    sees each step of it."""
    go(cell)
    for _ in range(_EVENTS_MAX):
        cell.check_reads()
        if not cell.turn():
            return
        go(cell)
    raise Violation("it comes to no rest")


def _pass_time(cell: Cell) -> None:
    _check_firewalls(cell)
    cell.spend("epochs")
    cell.state = replace(cell.state, now=cell.state.now + STEP_S)
    cell.queues = [[event for event in queue if not is_old(cell, event)] for queue in cell.queues]
    cell.late = [event for event in cell.late if not is_old(cell, event)]
    for number in cell.ids:
        if cell.runs(number):
            cell.computer(number)  # everything in it is older now
            tick = Event("tick", number, cell.server(number).incarnation, number, 0)
            if tick not in cell.queues[number - 1]:
                cell.due(tick)


def _check_firewalls(cell: Cell) -> None:
    """False proofs do no harm where a third server hears the one that they are about."""
    for one, victim in cell.state.walls:
        thirds = [third for third in cell.ids if third not in (one, victim)]
        if cell.runs(victim) and not any(_hears(cell, third, victim) for third in thirds):
            raise OutsideTheModel


def _hears(cell: Cell, third: int, victim: int) -> bool:
    if not cell.server(third).acts:
        return False
    return cell.computer(third).running.replica.quiet_for(victim, cell.now) < STEP_S


def _hold(cell: Cell, number: int) -> None:
    """The next event of this server comes late or never."""
    cell.spend("lates")
    cell.late.append(cell.queues[number - 1].pop(0))


def _double(cell: Cell, number: int) -> None:
    cell.spend("doubles")
    event = cell.queues[number - 1].pop(0)
    cell.late.append(event)
    happen(cell, event)


def _release(cell: Cell, place: int) -> None:
    happen(cell, cell.late.pop(place))


def _crash(cell: Cell, number: int, kept: int) -> None:
    cell.spend("crashes")
    crash(cell, number, kept)
    _break_streams(cell, number)


def _power(cell: Cell, number: int, kept: int) -> None:
    """The machine goes with its process: nobody hears of it, or is refused."""
    cell.spend("power")
    crash(cell, number, kept)
    cell.change(number, powered=False)


def _stop(cell: Cell, number: int) -> None:
    cell.spend("stops")
    stop(cell, cell.computer(number).running)
    _break_streams(cell, number)


def _break_streams(cell: Cell, number: int) -> None:
    for peer in cell.ids:
        if peer != number and cell.runs(peer) and cell.connects(number, peer):
            cell.due(Event("broken", peer, cell.server(peer).incarnation, number, 0))


def _start(cell: Cell, number: int) -> None:
    cell.spend("restarts")
    launch(cell, number)


def _pause(cell: Cell, number: int) -> None:
    cell.spend("pauses")
    cell.change(number, paused=True)


def _resume(cell: Cell, number: int) -> None:
    cell.change(number, paused=False)


def _cut(cell: Cell, *pairs: Pair) -> None:
    cell.spend("cuts")
    cell.state = replace(cell.state, cuts=cell.state.cuts | set(pairs))


def _heal(cell: Cell) -> None:
    """A firewall stays: who believes its false proof might do so still."""
    cell.state = replace(cell.state, cuts=frozenset())


def _refuse(cell: Cell, one: int, other: int) -> None:
    """The stream of one to the other, which lives, breaks, and is refused from then on."""
    cell.spend("refusals")
    cell.state = replace(cell.state, walls=cell.state.walls | {(one, other)})
    mine, theirs = cell.server(one).incarnation, cell.server(other).incarnation
    cell.due(Event("broken", one, mine, other, 0))
    cell.due(Event("refused", one, mine, other, 0, theirs))


def _reset(cell: Cell, one: int, other: int) -> None:
    """A stream breaks by chance."""
    cell.spend("resets")
    cell.due(Event("broken", one, cell.server(one).incarnation, other, 0))


def _write(cell: Cell, number: int) -> None:
    left = cell.state.has("writes")
    cell.spend("writes")
    process = cell.computer(number).running
    request = f"write {left}"
    post = PostMessage(request, "ada", "grace", "hello", at=100 - left)
    process.write([post], lambda _at: Answer(process, request))


ACTIONS: dict[str, Callable[..., None]] = {
    "go": go,
    "rest": rest,
    "hold": _hold,
    "double": _double,
    "release": _release,
    "crash": _crash,
    "power": _power,
    "stop": _stop,
    "start": _start,
    "pause": _pause,
    "resume": _resume,
    "cut": _cut,
    "heal": _heal,
    "refuse": _refuse,
    "reset": _reset,
    "write": _write,
}
