"""What one server holds of the protocol: its views, log, evidence, and the effects of a step.

The parts of the replica (appending, voting, changing views) share it; nobody else does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from chat.core.limits import LOG_ENTRIES_KEPT
from chat.core.replication.chain import comparable, differ, extend
from chat.core.replication.configuration import (
    Configuration,
    configuration_of,
    is_majority,
    obstacle,
    places,
)
from chat.core.replication.evidence import Evidence
from chat.core.replication.leadership import ChangeKind, View
from chat.core.replication.log import Log
from chat.core.replication.messages import (
    ApartRecord,
    CatchUp,
    Durable,
    Effects,
    Entry,
    EntryRecord,
    InstallRecord,
    Message,
    Position,
    PromiseRecord,
    Record,
    ReplicaStatus,
    Report,
    SeenRecord,
    seen_beside,
)

# A member this long unheard of is probed, in heartbeats; it is not silent yet.
_QUIET_AFTER_HEARTBEATS = 1.5


@dataclass(frozen=True, slots=True)
class Rules:
    """The options of the protocol (config.json). Periods are seconds."""

    configured: tuple[int, ...]  # while the configuration changes: of the old and the new list
    survivors: bool = True  # quorum: "survivors", else "majority"
    rejoin: bool = True  # rejoin: "automatic", or --join was given
    trust_refusals: bool = True
    heartbeat_s: float = 0.25
    out_s: float = 1.0
    vote_s: float = 2.0
    attempt_s: float = 2.0
    first_start_s: float = 10.0
    force_new_view: bool = False  # --force-new-view, the operator's word
    begins: bool = True  # it may be of a cluster's first view; not so with --join
    configuration: str = ""  # all of config.json that servers must agree on, as text
    log_entries_kept: int = LOG_ENTRIES_KEPT  # committed ones, in memory


Action = Callable[[float], None]


def _quiet_s(rules: Rules) -> float:
    return _QUIET_AFTER_HEARTBEATS * rules.heartbeat_s


@dataclass(slots=True)
class Pull:
    """A catch-up on its way. `take` is called with each part of what it brings, in order, and
    once more at the end, with nothing: it acts as soon as the log has all that it needs."""

    request: CatchUp
    take: Callable[[tuple[Entry, ...], float], None]


class ServerState:
    """Plain state with the few operations that keep it consistent."""

    def __init__(
        self, server_id: int, incarnation: int, rules: Rules, durable: Durable, now: float
    ) -> None:
        self.server_id = server_id
        self.incarnation = incarnation
        self.born = now
        self.promised: View = durable.promised
        self.promised_kind: ChangeKind = durable.promised_kind
        self.installed: View = durable.installed
        self.status = ReplicaStatus.RECOVERING
        self.serving = False
        # Whom I have promised since to have in a view; it may serve without my knowing, and one
        # that begins when nobody serves may bring back more than one.
        self.newcomers: set[tuple[int, int]] = set()
        # Who was in the view before mine and is not in mine, and may live: until all have installed
        # mine, whoever has only promised it may go on with these instead.
        self.outside: set[tuple[int, int]] = set()
        # My view let me in, and others may have only promised it: they may go on by one of before,
        # in which I am a process that is dead, or nobody.
        self.is_guest = False
        self.sure = False  # every other member has vouched for me in my installed view
        self.log = Log(durable, rules.log_entries_kept)
        self.synced_index = self.log.last.index
        self.evidence = Evidence(rules.out_s, rules.vote_s, _quiet_s(rules))
        self.rules = self._given = rules
        self.configuration = rules.configuration  # what this server goes by
        # The servers agreed on it; else it only stands in a file, where a person may have put it.
        self.agreed = rules.configuration == durable.promised.configuration != ""
        self.begun_elsewhere = False  # a server that goes by another one has had a view
        self.heard_of = ""  # what the others go by, as this server finds when it comes back
        self.wanted = ""  # the configuration that a person has asked this leader for
        self._peers: tuple[tuple[object, ...], tuple[int, ...]] = ((), ())
        self._replaced = ""  # the one before: who was left out by it still has to hear of it
        self._count()
        self.foreign: dict[int, float] = {}  # peers of another cluster, and when last heard
        # Peers that hold another history: (incarnation, an entry that differs).
        self.parted: dict[int, tuple[int, int]] = {}
        # This folder's history is not the cluster's; a person's word can overrule it.
        self.apart: ApartRecord | None = None if rules.force_new_view else durable.apart
        if self.apart is not None:
            self.status = ReplicaStatus.OUT
        self.disk = durable.disk
        self.seen: dict[int, SeenRecord] = {seen.server_id: seen for seen in durable.seen}
        # What was seen of this server and is not on its disk, by who told it.
        self.lacking: dict[int, SeenRecord] = {}
        self.has_asked = False  # all others have told what they saw of this disk, or had time to
        self.changed_disks: dict[int, int] = {}  # peers with another disk: their incarnations
        self.differing: set[int] = set()  # peers that were started with another configuration
        self.promised_at = now  # when the newest promise was made or installed
        self.leader_seen = now  # when a serving leader was last known
        self.install_synced = True
        self.unheard: frozenset[int] = frozenset()  # members that fell quiet, when I last looked
        self.pull: Pull | None = None
        self.stalled = False  # the disk does not answer: this server falls silent
        self._awaited: tuple[int, float] | None = None  # the oldest ticket, and since when
        self.adopting = False  # the store takes on a snapshot: log and views must rest
        self.effects = Effects()
        self._tickets = 0
        self._views_ticket = self._synced_ticket = 0  # of the newest views, and what is on disk
        self._ticket_index: dict[int, int] = {}
        self._when_synced: dict[int, list[Action]] = {}
        self._actions: list[Action] = []

    # -- the step --

    def finish(self) -> Effects:
        """Ends a step: what it wants done, with a ticket when the disk is involved."""
        effects, self.effects = self.effects, Effects()
        if effects.persist:
            self._tickets += 1
            effects.ticket = self._tickets
            self._ticket_index[self._tickets] = self.log.last.index
            self._when_synced[self._tickets] = self._actions
            self._actions = []
        assert not self._actions, "to wait for the disk, something must be written"
        if self.stalled:
            effects.send.clear()
        return effects

    def watch_disk(self, now: float) -> None:
        """A server whose disk stands still for the vote period neither speaks nor answers,
        so that the others count it as silent; it could not promise or acknowledge anyway."""
        oldest = min(self._ticket_index, default=None)
        if oldest is None:
            self._awaited = None
        elif self._awaited is None or self._awaited[0] != oldest:
            self._awaited = oldest, now
        since = now if self._awaited is None else self._awaited[1]
        self.stalled = now - since > self.rules.vote_s

    @property
    def awaits_disk(self) -> bool:
        return bool(self._ticket_index)

    def synced(self, ticket: int, now: float) -> None:
        """All up to `ticket` is on disk."""
        self._synced_ticket = max(self._synced_ticket, ticket)
        for done in sorted(number for number in self._ticket_index if number <= ticket):
            self.synced_index = max(self.synced_index, self._ticket_index.pop(done))
            for action in self._when_synced.pop(done):
                action(now)
        self.watch_disk(now)

    def send(self, peer: int, message: Message) -> None:
        assert peer != self.server_id
        self.effects.send.append((peer, message))

    def persist(self, record: Record) -> None:
        if isinstance(record, (PromiseRecord, InstallRecord)):
            self._views_ticket = self._tickets + 1
        self.effects.persist.append(record)

    def send_when_synced(self, peer: int, message: Message) -> None:
        assert peer != self.server_id
        self.when_synced(lambda _now: self.send(peer, message))

    def when_synced(self, action: Action) -> None:
        self._actions.append(action)

    def notice(self, sentence: str) -> None:
        self.effects.notices.append(f"server {self.server_id} {sentence}")

    def warn(self, sentence: str) -> None:
        self.effects.warnings.append(f"server {self.server_id} {sentence}")

    # -- the log --

    def append(self, entries: tuple[Entry, ...]) -> None:
        """Each entry gets its link here, whoever it comes from: a link that is only believed
        would tell nothing."""
        link, linked = self.log.last.link, []
        for entry in entries:
            text = entry.written()
            link = extend(link, entry.index, entry.view, text)
            linked.append(Entry(entry.index, entry.view, entry.operation, link, text, entry.ticket))
            self.effects.persist.append(EntryRecord(linked[-1], self.log.commit))
        self.log.append(linked)

    def cut(self, index: int) -> None:
        """Drops what follows `index`; a record that says so must follow in the same step."""
        self.log.drop_after(index)
        self.synced_index = min(self.synced_index, index)
        for ticket, synced in self._ticket_index.items():
            self._ticket_index[ticket] = min(synced, index)

    def adopt(self, entries: tuple[Entry, ...]) -> None:
        """Makes the log end with `entries`, writing only what differs."""
        fresh = self.log.new_part(entries)
        if fresh:
            self.cut(fresh[0].index - 1)
            self.append(fresh)

    def differs(self, place: Position, final: bool) -> bool:
        """Whether another log, which holds this place, is proven to be none of this history.
        `final`: the entry is committed there, so that no other one may be here."""
        held = self.log.position_at(place.index)
        if held is None:
            return False
        if held != place:
            return final and place.index <= self.log.commit
        return differ(held.link, place.link)

    def learn(self, place: Position) -> None:
        """The link of an entry, from a log that holds the same ones."""
        held = self.log.position_at(place.index)
        if place.link and held == place and not comparable(held.link, place.link):
            self.log.know(place)

    def commit(self, index: int) -> None:
        self.effects.committed.extend(self.log.advance(index))

    def snapshot_adopted(self, position: Position) -> None:
        """The state machine and the store now hold a snapshot that ends at `position`."""
        assert position.index > self.log.commit, "a snapshot never takes anything back"
        self.log.reset(position)
        # All that was written before is on disk with it.
        self.synced_index = self.log.last.index
        for ticket in self._ticket_index:
            self._ticket_index[ticket] = self.synced_index

    # -- views --

    def install(self, view: View, kind: ChangeKind, now: float) -> None:
        """Takes the view on, with the log as it is now; the caller answers after the sync."""
        assert view.number >= self.promised.number, "a promise never goes back"
        assert view.has(self.server_id, self.incarnation), "only a member installs a view"
        assert self.apart is None, "who holds another history takes no part"
        self.sure = self.report().is_sure_of(view)
        self.outside = self.left_out_by(view)
        if self.status is not ReplicaStatus.ACTIVE:
            self.is_guest = kind is not ChangeKind.GROW  # there the newcomer is told last
        self.newcomers.clear()
        self.unheard = frozenset()
        self.lacking.clear()
        self.seen = seen_beside(view, self.seen)
        self.changed_disks = {p: n for p, n in self.changed_disks.items() if not view.has(p, n)}
        self.installed = self.promised = view
        self.promised_kind = kind
        self.go_by(view.configuration)
        self.status = ReplicaStatus.ACTIVE
        self.serving = False
        self.pull = None  # what was asked for before is older than what a member acknowledges
        self.promised_at = self.leader_seen = now
        self.install_synced = False
        self.persist(InstallRecord(view, kind, self.log.last, self.log.commit))
        self.evidence.view_installed(
            {peer: number for peer, number in view.members.items() if peer != self.server_id}, now
        )
        self.evidence.forget_all_but(view.members)
        self.grow_sure(now)

        def on_disk(_now: float) -> None:
            if self.installed.number == view.number:
                self.install_synced = True

        self.when_synced(on_disk)

    def left_out_by(self, view: View) -> set[tuple[int, int]]:
        """Who may live of those that my view, or the one before, has and this one has not."""
        before = {*self.installed.members.items(), *self.newcomers, *self.outside}
        left = {member for member in before if member[0] not in view.members}
        return left - self.evidence.dead

    def all_have_installed(self) -> None:
        """From here on nobody goes on by a view before mine."""
        self.outside.clear()
        self.is_guest = False

    def grow_sure(self, now: float) -> None:
        """Called when the evidence has grown. One who was sure stays so: it goes on asking."""
        standing = (self.evidence.has_standing(peer, now) for peer in self.other_members)
        self.sure = self.sure or all(standing)

    def all_sure(self, now: float) -> bool:
        """Whether each member of my view could prove the deaths of all others: whoever is left
        alone from here on need not wait for anybody."""
        reports = self.evidence.sightings(self.other_members, now)
        sure = {p for p, report in reports.items() if report.is_sure_of(self.installed)}
        return self.sure and sure == set(self.other_members)

    def is_served(self, now: float) -> bool:
        """Whether my view's leader serves, as far as I heard."""
        leader = self.installed.leader_id
        if leader == self.server_id:
            return self.serving
        report = self.evidence.sightings((leader,), now).get(leader)
        if report is None or report.installed.number != self.installed.number:
            return False
        return report.serving

    @property
    def strangers(self) -> set[int]:
        """Peers whose history is not this one's."""
        return {*self.foreign, *self.parted}

    @property
    def places(self) -> dict[int, str]:
        """Where each server is that this one may have to do with; {} = as it was started."""
        others = (*self._in_force, self.heard_of)  # of one that is to be new the older one
        others = others if self.agreed else (self.heard_of, *self._in_force)
        texts = (self._replaced, *others, self.wanted)
        return places(self.terms(text) for text in texts if text)

    @property
    def peers(self) -> tuple[int, ...]:
        """Asked for with each message, so it is found anew only where something has changed."""
        texts = (self._replaced, self._in_force, self.heard_of, self.wanted)
        if texts != self._peers[0]:
            known = {*self.rules.configured, *self.places} - {self.server_id}
            self._peers = texts, tuple(sorted(known))
        return self._peers[1]

    def lists(self, server_id: int, configuration: str | None = None) -> bool:
        """Whether that configuration, or the one that this server goes by, has the server."""
        own = (self.agreed and self.heard_of) or self.configuration
        return server_id in self.terms(own if configuration is None else configuration).servers

    @property
    def other_members(self) -> tuple[int, ...]:
        return tuple(sorted(peer for peer in self.installed.members if peer != self.server_id))

    @property
    def is_settled(self) -> bool:
        """A member of its installed view that has promised nothing newer."""
        return self.status is ReplicaStatus.ACTIVE and self.promised.number == self.installed.number

    def leave(self) -> None:
        """This incarnation is out for good: what waits for the disk is not said any more."""
        self.status = ReplicaStatus.OUT
        self.serving = False
        self.pull = None
        self._actions.clear()
        for actions in self._when_synced.values():
            actions.clear()

    @property
    def leads(self) -> bool:
        if self.serving:
            assert self.is_settled, "who promised serves no more"
            assert self.installed.leader_id == self.server_id, "the lowest id leads"
        return self.serving

    # -- the configuration (rule 14) --

    @property
    def may_begin(self) -> bool:
        """Whether this server may be of a cluster's first view; else it joins one, or waits."""
        return self.rules.begins and not self.begun_elsewhere

    def go_by(self, configuration: str) -> None:
        """From a view that this server promises or installs; "" = of version 1.0."""
        if configuration and configuration != self.configuration:
            self._replaced, self.configuration = self.configuration, configuration
        self.agreed, self.heard_of = configuration != "", ""
        if self.wanted == self.configuration:
            self.wanted = ""
        self._count()

    def _count(self) -> None:
        """What holds by every configuration that somebody may go by who has my views holds."""
        self._in_force = self._counted()
        terms = [self.terms(text) for text in self._in_force]
        only_given = self._in_force in (("",), (self._given.configuration,))
        self.rules = self._given if only_given else self._joint(terms)
        self.evidence.count_by(self.rules.out_s, self.rules.vote_s, _quiet_s(self.rules))

    def _counted(self) -> tuple[str, ...]:
        """In order of age, each once; "" where there is none, as in a test."""
        texts = (self.installed.configuration, self.promised.configuration, self.configuration)
        return tuple(dict.fromkeys(text for text in texts if text)) or ("",)

    def _joint(self, terms: list[Configuration]) -> Rules:
        return replace(
            self._given,
            configured=tuple(sorted({server for each in terms for server in each.servers})),
            survivors=all(each.survivors for each in terms),
            trust_refusals=all(each.trust_refusals for each in terms),
            heartbeat_s=min(each.heartbeat_ms for each in terms) / 1000,
            out_s=min(each.out_ms for each in terms) / 1000,
            vote_s=max(each.vote_ms for each in terms) / 1000,
            configuration=self.configuration,
        )

    def terms(self, text: str) -> Configuration:
        """What the text of a configuration says; "" = what this server was started with."""
        given = self._given
        if text or given.configuration:
            return configuration_of(text or given.configuration)
        return Configuration(
            dict.fromkeys(given.configured, ""),
            given.survivors,
            given.trust_refusals,
            round(given.heartbeat_s * 1000),
            round(given.out_s * 1000),
            round(given.vote_s * 1000),
        )

    def agrees_with(self, configuration: str) -> bool:
        """A server of version 1.0 tells of none."""
        return configuration in ("", self.configuration)

    @property
    def has_agreed_to_leave(self) -> bool:
        """I am a member that has promised a view that goes on without it."""
        active = self.status is ReplicaStatus.ACTIVE
        return active and self.server_id not in self.promised.members

    def goes_with(self, report: Report) -> bool:
        """Whether its word means what mine does: we go by one configuration, or by two that the
        servers of one cluster agreed on one after the other; or one of us wants the other in."""
        mine, theirs = self.configuration, report.configuration
        wanted = theirs == self.wanted or (mine == report.wanted and mine != "")
        self.agreed = self.agreed or (report.serving and report.agreed and mine == theirs)
        return self.agrees_with(theirs) or (self.agreed and report.agreed) or wanted

    def obstacle(self, configuration: str) -> str:
        """Why the members of my view cannot go over to it, as a sentence; "" = they can."""
        new = configuration_of(configuration)
        return obstacle(self.terms(self.configuration), new, self.installed.members)

    def is_majority(self, servers: Collection[int], by: Collection[str] = ()) -> bool:
        """By each configuration that counts, or each of these."""
        return all(is_majority(servers, self.terms(t).servers) for t in by or self._in_force)

    def may_be_majority(self, servers: Collection[int]) -> bool:
        """By one of them."""
        return any(is_majority(servers, self.terms(t).servers) for t in self._in_force)

    def look_for_quiet(self, now: float) -> None:
        """Notes whom I have not heard for longer than a heartbeat should take."""
        quiet = (peer for peer in self.other_members if self.evidence.is_quiet(peer, now))
        self.unheard = frozenset(quiet)

    def is_cut_off(self, peer: int, now: float) -> bool:
        """Whether the peer and the leader (perhaps I), which I hear both, do not hear each other:
        I stop vouching for the peer before I am asked to leave it out, and need not wait then."""
        leader = self.installed.leader_id
        silent_s = self.evidence.quiet_for(leader, now)
        if leader == peer or (leader != self.server_id and silent_s > self.rules.out_s):
            return False
        reports = self.evidence.sightings((leader, peer), now)
        return any(
            {leader, peer} - {teller} <= report.unheard
            for teller, report in reports.items()
            if report.installed.number == self.installed.number
        )

    def vouches_for(self, peer: int, incarnation: int, now: float) -> bool:
        """Whether a ping of this process deserves an echo (rule 3). Who is in my promised view
        only may not rely on me yet: I could still go on by the installed one."""
        return (
            self.status is ReplicaStatus.ACTIVE
            and not self.evidence.shunned(peer)
            and not self.is_cut_off(peer, now)
            and self.promised.has(peer, incarnation)
            and self.installed.has(peer, incarnation)
        )

    def report(self) -> Report:
        return Report(
            self.incarnation,
            self.status,
            self.leads,
            self.promised,
            self.promised_kind,
            self.installed,
            self.log.last,
            self.log.commit,
            self.sure and self.status is ReplicaStatus.ACTIVE,
            self.evidence.assured,
            self.synced_index if self.is_settled and self.install_synced else 0,
            self.configuration,
            self.log.committed,
            frozenset((peer, *found) for peer, found in self.parted.items()),
            self.disk,
            self._views_ticket <= self._synced_ticket,
            self.is_newcomer,
            self.unheard,
            self.agreed,
            self.wanted if self.leads else "",
        )

    @property
    def is_newcomer(self) -> bool:
        """Nobody counts on what is on this disk before it was let in, or is known to be what
        was seen of it last (rule 13)."""
        return self.status is ReplicaStatus.RECOVERING and not (self.has_asked and not self.lacking)

    # -- catching up --

    def start_pull(
        self, source: int, for_view: View | None, take: Callable[[tuple[Entry, ...], float], None]
    ) -> None:
        """Asks `source` for what follows my commit index; replaces an earlier request."""
        self._tickets += 1
        request = CatchUp(
            self._tickets,
            source,
            for_view.number if for_view else None,
            self.log.committed,
        )
        self.pull = Pull(request, take)
        self.effects.catch_up = request
