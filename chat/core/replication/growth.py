"""Growth: when a newcomer is let in. New writes wait, the log drains, the view grows by one."""

from __future__ import annotations

from collections.abc import Callable

from chat.core.replication.appending import Appender
from chat.core.replication.server_state import ServerState


class Growth:
    """The serving leader's waiting list; `is_busy(now)` tells whether the view changes already,
    `grow(peer, incarnation, now)` changes it (rule 7)."""

    def __init__(
        self,
        state: ServerState,
        appender: Appender,
        is_busy: Callable[[float], bool],
        grow: Callable[[int, int, float], None],
    ) -> None:
        self._state = state
        self._appender = appender
        self._is_busy = is_busy
        self._grow = grow
        self._joining: dict[int, tuple[int, float]] = {}  # who asked to enter: (incarnation, when)
        self._drain_since: float | None = None

    def lacks(self, configuration: str, now: float) -> tuple[int, ...]:
        """Servers that are new in it, or have another address there, and have not caught up."""
        state = self._state
        present, new = state.terms(state.configuration).servers, state.terms(configuration).servers
        self._forget_old(now)
        changed = (server for server, place in new.items() if present.get(server) != place)
        return tuple(sorted(set(changed) - set(self._joining)))

    @property
    def is_asked(self) -> bool:
        """Somebody waits to be let in."""
        return bool(self._joining)

    def begin_anew(self) -> None:
        """A view begins: whoever still wants to enter it asks again."""
        self._joining.clear()
        self._drain_since = None

    def join_asked(self, sender: int, incarnation: int, now: float) -> None:
        """One that hears nothing of what I say could not install the view, and all would wait."""
        state = self._state
        reached = state.evidence.answers(sender, incarnation, now)
        if state.leads and reached and sender not in state.installed.members:
            self._joining[sender] = (incarnation, now)
            self.consider(now)

    def consider(self, now: float) -> None:
        state, rules = self._state, self._state.rules
        self._forget_old(now)
        fresh = {
            peer: incarnation
            for peer, (incarnation, _at) in self._joining.items()
            if self._is_listed(peer, now)
        }
        waited = now - self._drain_since if self._drain_since is not None else 0.0
        if not fresh or waited > rules.attempt_s:
            for peer in fresh:
                del self._joining[peer]
            self._stop_draining(now)
            return
        if not state.leads or self._is_busy(now):
            return
        if self._drain_since is None:
            self._drain_since = now
            self._appender.hold(now)
        if self._appender.is_drained:
            peer, incarnation = min(fresh.items())
            self._drain_since = None
            del self._joining[peer]
            self._grow(peer, incarnation, now)

    def _forget_old(self, now: float) -> None:
        state = self._state
        self._joining = {
            peer: (incarnation, at)
            for peer, (incarnation, at) in self._joining.items()
            if now - at < state.rules.out_s and peer not in state.installed.members
        }

    def _is_listed(self, peer: int, now: float) -> bool:
        """One that goes by the configuration that is wanted waits until that is in force."""
        state = self._state
        report = state.evidence.sightings([peer], now).get(peer)
        waits = report is not None and report.configuration == state.wanted != ""
        return state.lists(peer) and not waits

    def _stop_draining(self, now: float) -> None:
        if self._drain_since is not None:
            self._drain_since = None
            if self._state.leads:
                self._appender.release(now)
