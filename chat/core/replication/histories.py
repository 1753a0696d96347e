"""One history: positions are compared wherever two logs meet, and the odd server stands aside.

Rule 12 of docs/PROTOCOL.md. It knows nothing of the votes and writes that it keeps apart.
"""

from __future__ import annotations

from chat.core.replication.messages import (
    ApartRecord,
    Install,
    Position,
    ReplicaStatus,
    Report,
)
from chat.core.replication.server_state import ServerState

_Rank = tuple[bool, int, int, int, int, int]


class Histories:
    """`state.parted` has the processes that were found to hold another history than this one."""

    def __init__(self, state: ServerState) -> None:
        self._state = state

    def meets(self, peer: int, report: Report) -> bool:
        """Whether the peer's history is mine, as far as both can tell."""
        state = self._state
        index = self._difference(report)
        if index is None:
            known = state.parted.get(peer)
            if known is not None and known[0] == report.incarnation:
                return False
            state.parted.pop(peer, None)
            return True
        self._note(peer, report.incarnation, index)
        if _rank(peer, report) > _rank(state.server_id, state.report()):
            self.stand_aside(peer, index)
        return False

    def _difference(self, report: Report) -> int | None:
        """An entry that is another one there; only who holds both can find it, and tells."""
        state = self._state
        for place, final in ((report.committed, True), (report.last, False)):
            if state.differs(place, final):
                return place.index
        told = (
            index
            for server_id, incarnation, index in report.parted
            if (server_id, incarnation) == (state.server_id, state.incarnation)
        )
        return next(told, None)

    def follows(self, peer: int, incarnation: int, place: Position, final: bool) -> bool:
        """What the peer says ends at `place`, which I am to take for my own. If it differs there,
        I am the odd one: others follow that server already."""
        if not self._state.differs(place, final):
            return True
        self._note(peer, incarnation, place.index)
        self.stand_aside(peer, place.index)
        return False

    def reaches(self, peer: int, incarnation: int, install: Install) -> bool:
        """Whether a view's log has all that I have committed. Where it ends before, the view is
        an old one, told late, if I hold what a later one has committed; else every view since
        would have that, and this is another history."""
        committed, last = self._state.log.committed, install.last
        if last.index >= committed.index:
            return True
        if committed.view < install.view.number:
            self._note(peer, incarnation, committed.index)
            self.stand_aside(peer, committed.index)
        return False

    def _note(self, peer: int, incarnation: int, index: int) -> None:
        state = self._state
        known = state.parted.get(peer)
        if known is None or known[0] != incarnation:
            state.parted[peer] = (incarnation, index)
            state.warn(f"holds another history than server {peer}: they differ at entry {index}")

    def stand_aside(self, peer: int, index: int) -> None:
        """For good, over restarts too: a person decides what becomes of what this one holds."""
        state = self._state
        if state.apart is not None or state.rules.force_new_view:
            return
        state.apart = ApartRecord(peer, index)
        state.persist(state.apart)
        state.warn(f"takes no part any more. {advice(state.server_id, state.apart)}")


def advice(server_id: int, apart: ApartRecord) -> str:
    """What a person can do, in words."""
    return (
        f"It holds another history than server {apart.peer} from entry {apart.index} or earlier "
        "on, as after a folder was copied or restored, or refusals were forged: stop it, keep its "
        f"users_{server_id} files elsewhere (they may hold messages that the others lack), and "
        "start it without them to join again."
    )


def _rank(server_id: int, report: Report) -> _Rank:
    """Who stands aside: who takes no part in a view, whose view has fewer members, who has
    committed less. Both sides rank the same two reports, or a moment's older ones."""
    active = report.status is ReplicaStatus.ACTIVE
    number = report.installed.number
    members = len(report.installed.members) if active else 0
    return (active, members, report.commit, number.number, number.proposer, -server_id)
