"""Replica: the replication protocol as a pure state machine, (event, now) -> effects.

One caller at a time; it knows nothing of files, sockets, clocks or chat.
"""

from __future__ import annotations

from chat.core.replication.appending import Appender
from chat.core.replication.disks import Disks
from chat.core.replication.histories import Histories
from chat.core.replication.joining import Joiner
from chat.core.replication.leadership import ChangeKind, ViewNumber
from chat.core.replication.messages import (
    ApartRecord,
    Append,
    Appended,
    Durable,
    Effects,
    Entry,
    Farewell,
    Install,
    Installed,
    Join,
    Message,
    OutRecord,
    Ping,
    Pong,
    Position,
    Promise,
    Propose,
    Query,
    QueryReply,
    ReplicaStatus,
    Report,
    Start,
)
from chat.core.replication.server_state import Pull, Rules, ServerState
from chat.core.replication.view_change import ViewChange
from chat.core.replication.voting import Voter
from chat.core.state.operations import Operation

_NOTHING = Position()
__all__ = ["Replica", "Rules"]


class Replica:
    """Every method that returns Effects is one step; its effects are carried out, in the
    order that Effects gives, before the next step."""

    def __init__(
        self, server_id: int, incarnation: int, rules: Rules, durable: Durable, now: float
    ) -> None:
        self._state = ServerState(server_id, incarnation, rules, durable, now)
        self._appender = Appender(self._state)
        self._voter = Voter(self._state, self._appender)
        self._changes = ViewChange(self._state, self._appender, self._voter)
        self._joiner = Joiner(self._state, self._changes)
        self._histories = Histories(self._state)
        self._disks = Disks(self._state)
        self._stopped = False

    # -- queries (no effects) --

    @property
    def leads(self) -> bool:
        """May take writes: it serves, or holds them while it leads a change of view."""
        return not self._stopped and self._appender.takes_writes()

    @property
    def serves(self) -> bool:
        """Acknowledges writes now."""
        return self._state.leads

    @property
    def holds(self) -> bool:
        """It lets somebody in: for a moment it neither serves nor does anybody else."""
        return not self._stopped and self._appender.holding

    @property
    def apart(self) -> ApartRecord | None:
        """Set where this server holds another history than the cluster, and so takes no part."""
        return self._state.apart

    @property
    def other_folders(self) -> frozenset[int]:
        """The servers, perhaps this one, whose data folders lack what was seen of them."""
        state = self._state
        own = {state.server_id} if state.lacking and state.is_newcomer else set()
        return frozenset(own | state.changed_disks.keys())

    def is_second(self, peer: int, incarnation: int) -> bool:
        """This process is not the one of that server which is in the view and lives."""
        return self._disks.is_rival(peer, incarnation)

    @property
    def configuration(self) -> str:
        """What this server goes by, as text."""
        return self._state.configuration

    @property
    def configurations(self) -> tuple[str, ...]:
        """All that says who the servers are and where; the first is what this one goes by, the
        second what its view was formed by."""
        state = self._state
        known = (state.configuration, state.installed.configuration)
        return (*known, state.heard_of, state.wanted)

    @property
    def peers(self) -> tuple[int, ...]:
        """All other servers that this one may have to do with."""
        return self._state.peers

    @property
    def places(self) -> dict[int, str]:
        """The addresses, as texts, of all servers that this one may have to do with."""
        return self._state.places

    @property
    def is_removed(self) -> bool:
        """The servers have agreed to go on without this one: it never takes part again."""
        state = self._state
        return state.status is not ReplicaStatus.ACTIVE and not state.lists(state.server_id)

    @property
    def wanted(self) -> str:
        """The configuration that a person has asked this leader for; "" = none."""
        return self._state.wanted

    @property
    def obstacle(self) -> str:
        """What has come in the way of the configuration that is wanted, as a sentence."""
        wanted = self._state.wanted
        return self._state.obstacle(wanted) if wanted else ""

    def awaited(self, now: float) -> tuple[int, ...]:
        """Who has to catch up before the configuration that is wanted comes into force."""
        wanted = self._state.wanted
        return self._changes.growth.lacks(wanted, now) if wanted else ()

    @property
    def commit(self) -> int:
        return self._state.log.commit

    @property
    def last(self) -> Position:
        return self._state.log.last

    def may_read(self, now: float) -> bool:
        """Leads, and nobody can have left it behind without its knowing (rule 9)."""
        state = self._state
        if self._stopped or not state.leads:
            return False
        peers = state.other_members
        heard = {peer for peer in peers if state.evidence.has_standing(peer, now)}
        if state.rules.survivors:
            return not state.may_be_majority(set(peers) - heard)
        return state.is_majority(heard | {state.server_id})

    def is_unsure(self, now: float) -> bool:
        """Whether pings are urgent: some member does not vouch for this server, yet or any more,
        so its death could not be proven; or the view does not serve until all are sure."""
        state = self._state
        if state.status is not ReplicaStatus.ACTIVE:
            return False
        standing = (state.evidence.has_standing(peer, now) for peer in state.other_members)
        return not (all(standing) and state.is_served(now))

    def is_calm(self, now: float) -> bool:
        """Whether one tick each heartbeat is enough until something is heard: everybody of my
        view is there, its leader serves, and nothing is under way that could come to be due."""
        state, evidence = self._state, self._state.evidence
        if not state.is_settled or state.pull is not None or state.awaits_disk:
            return False
        if self._changes.is_under_way or not self._appender.is_idle:
            return False
        troubled = (
            evidence.is_quiet(peer, now) or evidence.half_proven(peer)
            for peer in state.other_members
        )
        return not any(troubled) and not self.is_unsure(now)

    def quiet_for(self, peer: int, now: float) -> float:
        """Seconds since anything came from the peer; infinite when nothing ever did."""
        return self._state.evidence.quiet_for(peer, now)

    def report(self) -> Report:
        return self._state.report()

    def ping(self, now: float) -> Ping | None:
        """What the election thread sends to every configured peer each heartbeat; nothing
        while the disk stands still."""
        return None if self._state.stalled else Ping(now, self._state.report())

    def missing_servers(self, now: float) -> tuple[int, ...]:
        """For whom this server waits before a view can be formed."""
        return self._changes.cold.missing_servers(now)

    def entries_after(
        self, after: int, committed_only: bool, limit: int
    ) -> tuple[Entry, ...] | None:
        """At most `limit` entries; None when they are not kept any more: send a snapshot."""
        log = self._state.log
        return log.after(after, log.commit if committed_only else log.last.index, limit)

    def may_serve_catch_up(
        self, peer: int, incarnation: int, view: ViewNumber | None, held: Position = _NOTHING
    ) -> Position | None:
        """Up to where a peer, which has all up to `held`, may pull: a newcomer (view None) what
        is committed, from the serving leader; a member of a view in the making the whole log,
        which rests until then. None: refused."""
        state = self._state
        if self._stopped or state.differs(held, final=True):
            return None
        if view is None:
            return state.log.committed if state.leads else None
        resting = state.promised.number == view and not state.serving
        # Who proposes a view that is without it hands the log on all the same.
        concerns = peer == view.proposer or state.promised.has(peer, incarnation)
        return state.log.last if resting and concerns else None

    # -- events --

    def tick(self, now: float) -> Effects:
        """Call it each heartbeat, and more often while not `is_calm`."""
        state = self._state
        if self._stopped:
            return state.finish()
        state.watch_disk(now)
        if state.stalled and self._is_missed(now):
            self._step_aside()
            return state.finish()
        if state.leads:
            state.leader_seen = now
        state.evidence.forgive(now)
        self._disks.tick(now)
        if state.status is ReplicaStatus.ACTIVE:
            state.look_for_quiet(now)
            self._probe_the_quiet(now)
            self._appender.tick(now)
            self._changes.tick(now)
            self._changes.growth.consider(now)
            self._changes.consider(now)
            self._changes.consider_configuration(now)
            if state.leads or now - state.leader_seen > state.rules.vote_s:
                self._changes.consider_cold_start(now)
        else:
            self._changes.tick(now)
            if state.status is ReplicaStatus.RECOVERING:
                self._joiner.follow_a_leader(now)
                # A leader that lets somebody in does not serve for a moment.
                if now - self._joiner.followed_at > state.rules.out_s:
                    self._changes.consider_cold_start(now)
        if self._appender.held_too_long(now):
            self._appender.abandon()
        return state.finish()

    def propose(self, operations: list[Operation], ticket: int, now: float) -> Effects:
        """Appends at the leader; holds while the view changes. `lost_leadership` otherwise. The
        entries bear tickets that count from this one, by which a caller finds its own again."""
        if not self._stopped:
            self._appender.propose(operations, ticket, now)
        return self._state.finish()

    def received(self, sender: int, incarnation: int, message: Message, now: float) -> Effects:
        """A message from the peer's stream."""
        state = self._state
        stranger = sender in state.strangers or sender in state.differing
        if not self._stopped and not stranger and sender in state.peers:
            if state.installed.has(sender, incarnation):
                state.evidence.contact(sender, now)
            self._dispatch(sender, incarnation, message, now)
        return state.finish()

    def _dispatch(self, sender: int, incarnation: int, message: Message, now: float) -> None:
        if isinstance(message, (Append, Install)) and not self._is_one(
            sender, incarnation, message
        ):
            return
        if isinstance(message, Append):
            self._appender.append(sender, incarnation, message, now)
        elif isinstance(message, Appended):
            if self._state.installed.has(sender, incarnation):
                self._appender.appended(sender, message, now)
        elif isinstance(message, Farewell):
            self._farewell(sender, incarnation, now)
        elif isinstance(message, Query):
            self._voter.query(sender, message)
        elif isinstance(message, Propose):
            self._voter.propose(sender, message, now)
        elif isinstance(message, Install):
            self._voter.install(sender, message, now)
        else:
            self._dispatch_change(sender, incarnation, message, now)

    def _is_one(self, sender: int, incarnation: int, message: Append | Install) -> bool:
        """Whether what is said goes on from where this log is, as far as it reaches."""
        state = self._state
        final = isinstance(message, Append)
        if isinstance(message, Append):
            place, due = message.previous, message.view == state.installed.number
        else:
            place, due = message.last, self._voter.expects(message)
        if not due or state.status is ReplicaStatus.OUT:
            return True  # it is judged by the rules for late words
        follows = self._histories.follows(sender, incarnation, place, final)
        if follows and isinstance(message, Install):
            follows = self._histories.reaches(sender, incarnation, message)
        self._stand_aside()
        return follows

    def _dispatch_change(
        self,
        sender: int,
        incarnation: int,
        message: QueryReply | Promise | Installed | Start | Join,
        now: float,
    ) -> None:
        """What concerns a view change that I lead."""
        if isinstance(message, QueryReply):
            self._changes.query_reply(sender, message, now)
        elif isinstance(message, Promise):
            self._changes.promised(sender, message, now)
        elif isinstance(message, Installed):
            self._changes.installed(sender, message, now)
        elif isinstance(message, Start):
            self._changes.start(message.view, now)
        else:
            if not self._state.differs(message.last, final=False):
                self._changes.growth.join_asked(sender, incarnation, now)

    def ping_received(
        self, sender: int, incarnation: int, ping: Ping, now: float
    ) -> tuple[Pong | None, Effects]:
        """A peer's heartbeat; the answer says whether I vouch for it. None: no answer."""
        state = self._state
        if state.stalled:
            return None, state.finish()
        if self._stopped or not self._is_ours(sender, ping.report, now):
            return Pong(None, None, state.report()), state.finish()
        echo = left_out_by = None
        if self._is_left_out(sender, ping.report):
            left_out_by = state.installed.number
        elif state.status is ReplicaStatus.ACTIVE:
            if state.installed.has(sender, incarnation):
                self._take_note(sender, ping.report, now)
            if state.vouches_for(sender, incarnation, now):
                state.evidence.vouch(sender, incarnation, now)
                echo = ping.sent_at
        lacks = self._disks.lacked_by(sender, incarnation)
        return Pong(echo, left_out_by, state.report(), lacks), state.finish()

    def pong_received(self, sender: int, pong: Pong, now: float) -> Effects:
        """The answer to one of my pings."""
        state = self._state
        if not self._stopped:
            self._disks.told(sender, pong.lacks)
        if self._stopped:
            return state.finish()
        incarnation = pong.report.incarnation
        if not self._is_ours(sender, pong.report, now):
            if sender in state.parted:
                self._look_for_another(sender, incarnation, now)
            return state.finish()
        state.evidence.answered(sender, incarnation, now)
        active, by = state.status is ReplicaStatus.ACTIVE, pong.left_out_by
        if active and by is not None and by > state.installed.number:
            if not self._changes.completes(by):
                self._expelled(by)
        elif active and state.installed.has(sender, incarnation):
            # An echo of what an earlier incarnation asked says nothing about this one.
            if pong.echo is not None and pong.echo >= state.born:
                state.evidence.vouched_by(sender, pong.echo)
                state.grow_sure(now)
            report = pong.report
            self._appender.confirmed(sender, report.installed.number, report.synced, now)
            self._take_note(sender, pong.report, now)
        else:
            self._look_for_another(sender, incarnation, now)
        return state.finish()

    def stream_broken(self, peer: int, now: float) -> Effects:
        """My stream to the peer broke: asks for a probe at once."""
        state = self._state
        active = not self._stopped and state.status is ReplicaStatus.ACTIVE
        if active and peer in state.other_members:
            state.evidence.stream_broken(peer, now)
            self._probe(peer)
        return state.finish()

    def refused(self, peer: int, incarnation: int, now: float) -> Effects:
        """One connection was refused at the exact address of that incarnation."""
        state, rules = self._state, self._state.rules
        trusted = rules.survivors and rules.trust_refusals
        active = not self._stopped and state.status is ReplicaStatus.ACTIVE
        concerns = active and trusted and state.installed.has(peer, incarnation)
        if concerns and state.evidence.refused(peer, incarnation, now):
            state.notice(f"has proof that server {peer} is dead: its address refuses")
            self._changes.new_proof(now)
        return state.finish()

    def reconfigure(self, text: str) -> str:
        """A person asks this leader for another configuration. "" = it will be gone over to, as
        soon as all that is new has caught up; else why not, as a sentence. What came of it shows
        in `configuration`; until then `withdraw` takes it back."""
        state = self._state
        if not self.leads:
            return "This server does not lead."
        if state.wanted:
            return "A change is under way already."
        found = state.obstacle(text)
        if not found:
            state.wanted = text
        return found

    def withdraw(self) -> None:
        self._state.wanted = ""

    def synced(self, ticket: int, now: float) -> Effects:
        """Everything persisted up to the step of `ticket` is on disk."""
        if not self._stopped:
            self._state.synced(ticket, now)
        return self._state.finish()

    def pulls(self, ticket: int) -> bool:
        """Whether what CatchUp `ticket` brings is still wanted."""
        return self._pull(ticket) is not None

    def may_adopt(self, ticket: int) -> bool:
        """Asked when a snapshot has come, before the store takes it on. After a yes nothing
        is written, promised or installed until `adopted` or `catch_up_failed`."""
        if not self.pulls(ticket):
            return False
        self._state.adopting = True
        return True

    def adopted(self, snapshot: Position, now: float) -> Effects:  # noqa: ARG002
        """The shell has replaced the store and the state machine (`may_adopt` said yes)."""
        if not self._stopped:
            self._state.adopting = False
            self._state.snapshot_adopted(snapshot)
        return self._state.finish()

    def pulled(self, ticket: int, entries: tuple[Entry, ...], commit: int, now: float) -> Effects:
        """The next entries that CatchUp `ticket` brought, and how far the source has committed
        (0 = not said). The shell lets its disk follow before it asks for more."""
        pull = self._pull(ticket)
        if pull is not None and entries:
            pull.take(entries, now)
            self._commit_with(entries[-1].position, commit)
        return self._state.finish()

    def caught_up(self, ticket: int, last: Position, commit: int, now: float) -> Effects:
        """CatchUp `ticket` has brought everything up to `last`, where the source's log ends."""
        state, pull = self._state, self._pull(ticket)
        if pull is not None:
            state.pull = None
            state.learn(last)
            if not self._histories.follows(pull.request.source, 0, last, final=False):
                self._stand_aside()
                return state.finish()
            pull.take((), now)
            self._commit_with(last, commit)
            if state.status is ReplicaStatus.RECOVERING:
                self._joiner.follow_a_leader(now)  # at once, lest it fall behind again
        return state.finish()

    def catch_up_failed(self, ticket: int, now: float) -> Effects:
        """It is asked for again when it is still needed; what was pulled stays."""
        pull = self._state.pull
        if pull is not None and pull.request.ticket == ticket:
            self._state.pull = None
            self._state.adopting = False
            self._changes.fetch_failed(now)
        return self._state.finish()

    def shut_down(self, now: float) -> Effects:  # noqa: ARG002  (every event has a time)
        """Serves and accepts nothing from here on, and says so to everyone."""
        state = self._state
        if not self._stopped:
            self._leave()
            self._stopped = True
        return state.finish()

    # -- parts of the above --

    def _look_for_another(self, sender: int, incarnation: int, now: float) -> None:
        """Who answers at the address of a member may be a later process than that."""
        state = self._state
        concerns = state.status is ReplicaStatus.ACTIVE and sender in state.installed.members
        if not (concerns and state.rules.survivors):
            return
        if state.evidence.replaced(sender, incarnation, now):
            state.notice(f"saw that server {sender} was restarted")
            self._changes.new_proof(now)

    def _pull(self, ticket: int) -> Pull | None:
        pull = self._state.pull
        wanted = not self._stopped and pull is not None and pull.request.ticket == ticket
        return pull if wanted else None

    def _commit_with(self, last: Position, commit: int) -> None:
        """Up to `last` this log is the source's, if it holds that entry."""
        state = self._state
        if state.log.holds(last):
            state.commit(min(commit, last.index))

    def _is_ours(self, sender: int, report: Report, now: float) -> bool:
        """Takes note of the report; False when the peer belongs to another cluster, or was
        started with another configuration: of two that count by different rules neither's
        word means to the other what it says."""
        state = self._state
        if not state.goes_with(report):
            state.differing.add(sender)
            state.begun_elsewhere |= bool(report.installed.members)
            return False
        state.differing.discard(sender)
        mine, theirs = state.installed.cluster_id, report.installed.cluster_id
        if mine and theirs and mine != theirs:
            if sender not in state.foreign:
                state.warn(
                    f"refuses server {sender}: it holds another history. If that one was begun "
                    "with --force-new-view, move this server's data away and start it again"
                )
            state.foreign[sender] = now
            return False
        state.foreign.pop(sender, None)
        if not self._histories.meets(sender, report):
            self._stand_aside()
            if report.status is ReplicaStatus.OUT:  # perhaps a member that stood aside
                self._farewell(sender, report.incarnation, now)
            return False
        self._disks.meets(sender, report, now)
        if not self.is_second(sender, report.incarnation):
            state.evidence.sighted(sender, report, now)
            self._joiner.learn_configuration(report)
        return True

    def _is_left_out(self, sender: int, report: Report) -> bool:
        """Whether it must be told that it is out, unless I have promised to have it. As a
        newcomer it can be had no more: it has gone into an older view meanwhile."""
        state = self._state
        newcomer = state.promised_kind is ChangeKind.GROW
        awaited = state.promised.has(sender, report.incarnation) and not newcomer
        return not awaited and report.is_left_out_of(state.installed, sender)

    def _stand_aside(self) -> None:
        """This server was just found to be the odd one."""
        if self._state.apart is not None and self._state.status is not ReplicaStatus.OUT:
            self._leave()
            self._state.effects.expelled = True

    def _take_note(self, sender: int, report: Report, now: float) -> None:
        """What a member says of itself, and of whom it has proof. One that is out, and says so
        for as long as it waits for its disk, is no living member: that is no contact."""
        state = self._state
        if report.status is ReplicaStatus.OUT:
            self._farewell(sender, report.incarnation, now)
        else:
            state.evidence.contact(sender, now)
        if report.installed.number == state.installed.number:
            if report.serving:
                state.all_have_installed()
                if state.is_settled:
                    state.leader_seen = now
            teller = (sender, report.incarnation)
            if state.evidence.told_dead(teller, report.dead, now):
                state.notice("was told of a proof that another server has")
                self._changes.new_proof(now)
        self._changes.serve_when_sure(now)

    def _expelled(self, by: ViewNumber) -> None:
        state = self._state
        self._appender.abandon()
        self._changes.attempt = None
        state.leave()
        state.persist(OutRecord(by))
        state.effects.expelled = True
        state.notice(f"is out: view {by} has left it behind")

    def _is_missed(self, now: float) -> bool:
        """The others of my view hear me, and are too few to leave out one that falls silent."""
        state, others = self._state, self._state.other_members
        waiting = state.rules.survivors and not state.is_majority(others)
        hear = any(state.evidence.has_standing(peer, now) for peer in others)
        return waiting and hear and state.status is ReplicaStatus.ACTIVE

    def _step_aside(self) -> None:
        """My disk stands still and the others would wait for me, perhaps for ever."""
        state = self._state
        state.warn("steps aside: its disk does not answer")
        self._leave()
        state.effects.expelled = True

    def _leave(self) -> None:
        """The last word goes out even while the disk stands still."""
        state = self._state
        self._appender.abandon()
        self._changes.attempt = None
        state.leave()
        state.stalled = False
        for peer in state.peers:
            state.send(peer, Farewell())

    def _farewell(self, sender: int, incarnation: int, now: float) -> None:
        state = self._state
        active = state.status is ReplicaStatus.ACTIVE
        concerns = active and state.installed.has(sender, incarnation)
        if concerns and state.evidence.proven_dead(sender, incarnation, now):
            state.notice(f"heard server {sender} say farewell")
            self._changes.new_proof(now)

    def _probe(self, peer: int) -> None:
        state = self._state
        if state.rules.survivors and state.rules.trust_refusals:
            state.effects.probe.append((peer, state.installed.members[peer]))

    def _probe_the_quiet(self, now: float) -> None:
        state = self._state
        for peer in state.other_members:
            if (peer, state.installed.members[peer]) in state.evidence.dead:
                continue
            if state.evidence.is_quiet(peer, now) or state.evidence.half_proven(peer):
                self._probe(peer)
