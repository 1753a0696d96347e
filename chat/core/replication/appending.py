"""Writes: the leader streams entries to every member, counts acknowledgements and commits.

An entry is committed when every member of the view has it on disk (rule 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from chat.core.limits import APPEND_BYTES_MAX, APPEND_ENTRIES_MAX
from chat.core.replication.leadership import ViewNumber
from chat.core.replication.messages import Append, Appended, Entry, Position
from chat.core.replication.server_state import ServerState
from chat.core.state.operations import Operation

# The most of an entry on the wire beside its operation: index, view, framing.
_ENTRY_OVERHEAD_BYTES = 64


@dataclass(slots=True)
class _Progress:
    """How far a member is. One Append with entries is in flight at a time."""

    acknowledged: int
    streamed: int  # what it acknowledged by its own stream: the rest came with a pong
    in_flight: int = 0  # the last index of the Append in flight, 0 = none
    sent_at: float = 0.0
    moved_at: float = 0.0  # when it last acknowledged so, or had nothing to acknowledge
    commit_sent: int = 0


class Appender:
    """The leader's and the backups' side of the normal path."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._progress: dict[int, _Progress] = {}
        self._held: list[tuple[Operation, int]] = []  # with their tickets
        self._holding_since: float | None = None

    # -- the leader --

    @property
    def holding(self) -> bool:
        return self._holding_since is not None

    def takes_writes(self) -> bool:
        return self._state.leads or self.holding

    def start_serving(self, now: float) -> None:
        """Every member has the log on disk up to its end: all of it is committed."""
        state = self._state
        end = state.log.last.index
        self._progress = {
            peer: _Progress(end, end, moved_at=now, commit_sent=0) for peer in state.other_members
        }
        state.serving = True
        state.leader_seen = now
        state.commit(end)
        self._spread_commit(now)
        self.release(now)

    def hold(self, now: float) -> None:
        """New operations wait until `release` or `abandon`."""
        if self._holding_since is None:
            self._holding_since = now

    def release(self, now: float) -> None:
        """What was held is appended after all."""
        held, self._held, self._holding_since = self._held, [], None
        if held:
            self._propose(held, now)

    def abandon(self) -> None:
        """Another server leads from here on, or none does."""
        if self._state.serving or self.holding:
            self._state.effects.lost_leadership = True
        self._state.serving = False
        self._held = []
        self._holding_since = None

    def held_too_long(self, now: float) -> bool:
        rules = self._state.rules
        since = self._holding_since
        return since is not None and now - since > rules.vote_s + rules.attempt_s

    def propose(self, operations: list[Operation], ticket: int, now: float) -> None:
        self._propose(list(zip(operations, count(ticket))), now)

    def _propose(self, ticketed: list[tuple[Operation, int]], now: float) -> None:
        state = self._state
        if self.holding:
            self._held.extend(ticketed)
            return
        if not state.leads:
            state.effects.lost_leadership = True
            return
        view = state.installed.number
        first = state.log.last.index + 1
        state.append(
            tuple(
                Entry(first + n, view, operation, ticket=ticket)
                for n, (operation, ticket) in enumerate(ticketed)
            )
        )
        state.when_synced(self.advance)
        self._send_all(now)

    def _send_all(self, now: float) -> None:
        for peer in self._progress:
            self._send_next(peer, now)

    def _send_next(self, peer: int, now: float) -> None:
        """Everything the peer lacks, unless something is on its way already."""
        state, progress = self._state, self._progress[peer]
        if progress.in_flight or progress.acknowledged >= state.log.last.index:
            return
        entries = self._batch(progress.acknowledged)
        previous = state.log.position_at(progress.acknowledged)
        assert entries
        assert previous is not None, "what is not committed is in the window"
        self._send(peer, previous, entries)
        progress.in_flight = entries[-1].index
        progress.sent_at = now

    def _batch(self, after: int) -> tuple[Entry, ...]:
        log = self._state.log
        entries = log.after(after, log.last.index, APPEND_ENTRIES_MAX) or ()
        size = 0
        for at, entry in enumerate(entries):
            size += _ENTRY_OVERHEAD_BYTES + len(entry.written().encode())
            if size > APPEND_BYTES_MAX and at > 0:
                return entries[:at]
        return entries

    def _send(self, peer: int, previous: Position, entries: tuple[Entry, ...]) -> None:
        state = self._state
        commit = state.log.commit
        self._progress[peer].commit_sent = commit
        state.send(peer, Append(state.installed.number, previous, entries, commit))

    def appended(self, sender: int, message: Appended, now: float) -> None:
        """An acknowledgement by the member's own stream."""
        progress = self._progress.get(sender)
        if progress is not None and message.view == self._state.installed.number:
            if message.index > progress.streamed:
                progress.streamed = min(message.index, self._state.log.last.index)
                progress.moved_at = now
            self.confirmed(sender, message.view, message.index, now)

    def confirmed(self, sender: int, view: ViewNumber, index: int, now: float) -> None:
        """...or by the answer to a ping, which also comes back to a leader that the member
        cannot connect to. That suffices to commit; but a member that acknowledges in no other
        way still counts as stuck, since all writes wait for its pongs."""
        state = self._state
        progress = self._progress.get(sender)
        if not state.leads or view != state.installed.number or progress is None:
            return
        progress.acknowledged = max(progress.acknowledged, min(index, state.log.last.index))
        if progress.acknowledged >= progress.in_flight:
            progress.in_flight = 0
        self.advance(now)
        self._send_next(sender, now)

    def advance(self, now: float) -> None:
        """Commits what every member has on disk."""
        state = self._state
        if not state.leads:
            return
        lowest = min((p.acknowledged for p in self._progress.values()), default=state.synced_index)
        commit = min(lowest, state.synced_index)
        if commit > state.log.commit:
            state.commit(commit)
            self._spread_commit(now)

    def _spread_commit(self, now: float) -> None:
        """An idle member learns of the commit at once; a busy one with its next entries."""
        self._send_all(now)
        for peer, progress in self._progress.items():
            if not progress.in_flight and progress.commit_sent < self._state.log.commit:
                self._send(peer, self._state.log.last, ())

    def tick(self, now: float) -> None:
        """Sends again what was not acknowledged, and the commit index to idle members."""
        state = self._state
        if not state.leads:
            return
        for peer, progress in self._progress.items():
            if progress.in_flight and now - progress.sent_at >= state.rules.heartbeat_s:
                progress.in_flight = 0
            if progress.streamed >= state.log.last.index:
                progress.moved_at = now
                self._send(peer, state.log.last, ())
            elif progress.acknowledged >= state.log.last.index:
                self._ask_again(peer)
            else:
                self._send_next(peer, now)

    def _ask_again(self, peer: int) -> None:
        """The last entry once more: its acknowledgement by the stream was lost."""
        state = self._state
        last = state.log.last.index
        previous = state.log.position_at(last - 1)
        if previous is not None:
            self._send(peer, previous, state.log.after(last - 1, last, 1) or ())

    @property
    def is_idle(self) -> bool:
        """Nothing is held, and nothing on its way to a member that it has not acknowledged."""
        last = self._state.log.last.index
        waits = self._state.leads and any(p.streamed < last for p in self._progress.values())
        return not self.holding and not waits

    def stuck(self, peer: int, now: float) -> bool:
        """A member that answers pings but leaves entries unacknowledged counts as silent."""
        state = self._state
        progress = self._progress.get(peer)
        if not state.leads or progress is None:
            return False
        behind = progress.streamed < state.log.last.index
        return behind and now - progress.moved_at > state.rules.vote_s

    @property
    def is_drained(self) -> bool:
        return self._state.log.commit == self._state.log.last.index

    # -- a backup --

    def append(self, sender: int, incarnation: int, message: Append, now: float) -> None:
        state = self._state
        view = state.installed
        if not state.is_settled or message.view != view.number or not state.install_synced:
            return  # an older view is over; a newer one must be installed first
        if sender != view.leader_id or not view.has(sender, incarnation):
            return
        state.leader_seen = now
        state.all_have_installed()  # the leader serves
        if message.previous.index > state.log.last.index:
            return  # something went missing; the leader sends again from what I acknowledged
        fresh = [entry for entry in message.entries if entry.index > state.log.last.index]
        if fresh:
            state.append(tuple(fresh))
            state.send_when_synced(sender, Appended(view.number, state.log.last.index))
        elif message.entries:
            state.send(sender, Appended(view.number, state.synced_index))
        state.commit(max(state.log.commit, min(message.commit, state.log.last.index)))
