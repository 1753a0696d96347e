"""Happenings: how an event comes to the process that it is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chat.core.replication.messages import CatchUp, Ping
from tests.explore.cell import Cell
from tests.explore.model import Event
from tests.simulation.process import Process

_ENTRIES_MAX = 1_000_000


def happen(cell: Cell, event: Event) -> None:
    server = cell.server(event.to)
    right = event.to_incarnation in (0, server.incarnation)
    sent = event.kind in ("message", "ping")
    lost = sent and not cell.carries(event.sender, event.to)
    if server.runs and right and not lost and not is_old(cell, event):
        _EVENTS[event.kind](cell, cell.computer(event.to).running, event)


def is_old(cell: Cell, event: Event) -> bool:
    """Nobody waits for it any more."""
    if event.kind == "pong":
        asked: float = event.what[1]
        return cell.now - asked >= cell.rules.out_s
    return event.kind == "ping" and cell.server(event.to).paused


# -- what a process meets --


def _tick(cell: Cell, process: Process, _event: Event) -> None:
    process.carry_out(process.replica.tick(cell.now))
    cell.ping_all(process)


def _synced(cell: Cell, process: Process, _event: Event) -> None:
    cell.computers[process.number].syncs.pop(0)()


def _message(cell: Cell, process: Process, event: Event) -> None:
    replica = process.replica
    process.carry_out(replica.received(event.sender, event.incarnation, event.what, cell.now))


def _ping(cell: Cell, process: Process, event: Event) -> None:
    ping: Ping = event.what
    sender, incarnation = event.sender, event.incarnation
    pong, effects = process.replica.ping_received(sender, incarnation, ping, cell.now)
    process.carry_out(effects)
    waits = cell.runs(sender) and cell.server(sender).incarnation == incarnation
    if pong is not None and waits and cell.connects(sender, event.to):
        what = pong, ping.sent_at
        cell.due(Event("pong", sender, incarnation, event.to, 0, what))


def _pong(cell: Cell, process: Process, event: Event) -> None:
    if cell.connects(event.to, event.sender):
        replica = process.replica
        process.carry_out(replica.pong_received(event.sender, event.what[0], cell.now))


def _refused(cell: Cell, process: Process, event: Event) -> None:
    process.carry_out(process.replica.refused(event.sender, event.what, cell.now))


def _broken(cell: Cell, process: Process, event: Event) -> None:
    process.carry_out(process.replica.stream_broken(event.sender, cell.now))


def _reborn(cell: Cell, process: Process, _event: Event) -> None:
    stop(cell, process)
    launch(cell, process.number)


def _pull(cell: Cell, process: Process, event: Event) -> None:
    """As `chat.server.machine.Machine.serve_catch_up` answers."""
    replica, request = process.replica, event.what
    upto = replica.may_serve_catch_up(event.sender, event.incarnation, request.view, request.held)
    if upto is None:
        _fail(cell, event)
        return
    newcomer = request.view is None
    document = None
    entries = replica.entries_after(request.after, newcomer, _ENTRIES_MAX)
    wanted = cell.snapshots and process.applied.index > request.after
    if entries is None or wanted:
        document = process.contents.document(), process.applied
        entries = replica.entries_after(process.applied.index, newcomer, _ENTRIES_MAX)
        assert entries is not None, "the log holds what follows the commit index"
    what = request, document, entries, upto, replica.commit
    if cell.runs(event.sender) and cell.server(event.sender).incarnation == event.incarnation:
        cell.due(Event("pulled", event.sender, event.incarnation, event.to, 0, what))


def _pulled(cell: Cell, process: Process, event: Event) -> None:
    request, document, *rest = event.what
    if document is None:
        _bring(cell, process, request, *rest)
    elif process.replica.may_adopt(request.ticket):
        cell.due(event._replace(kind="adopted"))
    else:
        process.carry_out(process.replica.catch_up_failed(request.ticket, cell.now))


def _adopted(cell: Cell, process: Process, event: Event) -> None:
    request, document, *rest = event.what
    process.take_on(*document)
    process.carry_out(process.replica.adopted(document[1], cell.now))
    _bring(cell, process, request, *rest)


def _bring(
    cell: Cell, process: Process, request: CatchUp, entries: Any, upto: Any, commit: int
) -> None:
    replica = process.replica
    if replica.pulls(request.ticket):
        if entries:
            process.carry_out(replica.pulled(request.ticket, entries, commit, cell.now))
        process.carry_out(replica.caught_up(request.ticket, upto, commit, cell.now))


def _failed(cell: Cell, process: Process, event: Event) -> None:
    process.carry_out(process.replica.catch_up_failed(event.what.ticket, cell.now))


_EVENTS: dict[str, Callable[[Cell, Process, Event], None]] = {
    "tick": _tick,
    "sync": _synced,
    "message": _message,
    "ping": _ping,
    "pong": _pong,
    "refused": _refused,
    "broken": _broken,
    "reborn": _reborn,
    "pull": _pull,
    "pulled": _pulled,
    "adopted": _adopted,
    "failed": _failed,
}

# -- the beginning and the end of a process --


def launch(cell: Cell, number: int) -> None:
    """Its incarnation tells the server and how often that was started: what chance draws
    elsewhere needs no renaming here."""
    starts = cell.server(number).starts + 1
    incarnation = 1000 * number + starts
    cell.change(number, runs=True, powered=True, incarnation=incarnation, starts=starts)
    computer = cell.computer(number)  # the process takes its disk from the cell
    computer.process = Process(cell, number, incarnation)  # type: ignore[arg-type]
    cell.due(Event("tick", number, incarnation, number, 0))


def crash(cell: Cell, number: int, kept: int) -> None:
    """Of what was not synced `kept` records are found again."""
    computer = cell.computer(number)
    computer.running.alive = False
    computer.disk.sync(min(kept, computer.disk.unsynced))
    computer.disk.lose_unsynced()
    _gone(cell, number)


def stop(cell: Cell, process: Process) -> None:
    """A clean end, with the last word to everyone."""
    process.carry_out(process.replica.shut_down(cell.now))
    process.end()
    _gone(cell, process.number)


def _gone(cell: Cell, number: int) -> None:
    """Nobody is there to hear what was on its way; a catch-up from it fails."""
    computer, incarnation = cell.computer(number), cell.server(number).incarnation
    computer.process = None
    computer.syncs.clear()
    cell.change(number, runs=False, paused=False)
    lost, cell.queues[number - 1] = cell.queues[number - 1], []
    cell.late = [e for e in cell.late if (e.to, e.to_incarnation) != (number, incarnation)]
    for event in lost:
        if event.kind == "pull":
            _fail(cell, event)


def _fail(cell: Cell, pull: Event) -> None:
    if cell.runs(pull.sender) and cell.server(pull.sender).incarnation == pull.incarnation:
        cell.due(Event("failed", pull.sender, pull.incarnation, pull.to, 0, pull.what))
