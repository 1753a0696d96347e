"""Heartbeat: when this server looks what is due, and when it asks the others how they are.

Belongs to the event loop; the election thread, which keeps the time, calls `tick` there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chat import peer_wire
from chat.rpc import health_pb2
from chat.server.machine import Machine
from chat.server.timekeeper import clock_s

_TICKS_PER_HEARTBEAT: Final = 5
# Servers that are all unsure ask each other again and again: five of them, a hundred times a
# second each, left two cores no time for the answers, and so nobody became sure.
_PING_GAP_S: Final = 0.05


def tick_s(heartbeat_s: float) -> float:
    """How long a server that is not calm sleeps between two looks at what is due, in seconds."""
    return heartbeat_s / _TICKS_PER_HEARTBEAT


class Heartbeat:
    """`send` pings every peer, `hurry` asks for a tick at once, `period_s` tells the period that
    the servers have agreed on. `ticks` counts, so that somebody can see that time goes on."""

    def __init__(
        self,
        machine: Machine,
        period_s: Callable[[], float],
        send: Callable[[health_pb2.PingRequest], None],
        hurry: Callable[[], None],
    ) -> None:
        self._machine = machine
        self._period_s = period_s
        self._send = send
        self._hurry = hurry
        self._next_ping = self._last_ping = 0.0
        self._dozes = False  # the next tick is as far away as the next heartbeat
        self._ended = False
        self.ticks = 0

    def end(self) -> None:
        """Nothing is done or sent any more."""
        self._ended = True

    def tick(self) -> float:
        """Answers in how many seconds it wants to be called again: a server that waits for
        nothing but the next heartbeat sleeps till then."""
        self.ticks += 1
        soon = tick_s(self._period_s())
        if self._ended:
            return soon
        self._machine.tick()
        if clock_s() >= self._next_ping:
            self.ping()
        else:
            self._ping_if_unsure()
        self._dozes = self._machine.is_calm()
        until_ping = max(0.0, self._next_ping - clock_s())
        return until_ping if self._dozes else min(until_ping, soon)

    def heard(self) -> None:
        """After each word of a peer."""
        if self._dozes:
            self.wake_if_restless()  # whoever is calm is not unsure
        if not self._dozes:
            self._ping_if_unsure()

    def pinged(self) -> None:
        """After each ping of a peer. Servers that ping each other at the same moment wake each
        other less often: that takes a tenth of what an idle one costs. So who would do it soon
        does it now, and by and by all do it with the one that is first."""
        if self._next_ping - clock_s() < self._period_s() / 2:
            self.ping()
        self.heard()

    def wake_if_restless(self) -> None:
        if self._dozes and not self._ended and not self._machine.is_calm():
            self._dozes = False
            self._hurry()

    def _ping_if_unsure(self) -> None:
        """Right after a view was formed, its members find standing with each other in
        milliseconds, without waiting for their next heartbeats, and their leader learns of it."""
        unasked_s = clock_s() - self._last_ping
        if unasked_s > _PING_GAP_S and not self._ended and self._machine.is_unsure():
            self.ping()

    def ping(self) -> None:
        """Asks every peer now, unless it is over."""
        if self._ended:
            return
        self._last_ping = clock_s()
        self._next_ping = self._last_ping + self._period_s()
        ping = self._machine.ping()
        if ping is not None:
            trouble = self._machine.outlook.neighbours.trouble(self._last_ping)
            self._send(peer_wire.ping_to_proto(self._machine.server_id, ping, trouble))
