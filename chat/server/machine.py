"""Machine: runs what the replica wants done — disk, peers, state, callers — in its one order.

Everything runs on the event loop's thread; only the store's writer and blocking store
calls are elsewhere. It knows the core and the store, and the network by two callables.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from chat.config import Address
from chat.core import limits
from chat.core.errors import ChatError, NameTaken, NoQuorum, NotLeader, SessionEnded
from chat.core.replication.messages import (
    Durable,
    Effects,
    Entry,
    Message,
    Ping,
    Pong,
    ReplicaStatus,
)
from chat.core.replication.replica import Replica, Rules
from chat.core.state.chat_state import ChatState
from chat.core.state.model import Result, Session, Told
from chat.core.state.operations import Operation
from chat.core.state.operations.block_user import UserBlocked
from chat.core.state.operations.hide_presence import PresenceHidden
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.use_session import UseSession
from chat.rpc import chat_pb2, replication_pb2
from chat.server.catch_up import Asker, answer
from chat.server.data_files import StoreError
from chat.server.disk_pace import DiskPace
from chat.server.disk_room import DiskRoom
from chat.server.feed import Feed
from chat.server.fetching import Fetching, Sources
from chat.server.files import lacks_room
from chat.server.garbage import look_once_more
from chat.server.look_alikes import LookAlikes
from chat.server.outlook import Outlook
from chat.server.readers import Readers
from chat.server.reopening import Reopening
from chat.server.search_index import SearchIndex
from chat.server.search_store import Hits, Wanted
from chat.server.snapshots import Received
from chat.server.speaking import Speaking
from chat.server.status import ClusterPicture
from chat.server.store import PersistentStore, Recovered
from chat.server.tasks import Tasks
from chat.server.timekeeper import Timekeeper, clock_s
from chat.server.writes import Writes
from chat.system import free_bytes

_log = logging.getLogger(__name__)
_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


class Network(Sources, Protocol):
    """What the machine needs of `chat.server.peers.Peers`."""

    def send(self, peer: int, message: replication_pb2.PeerMessage) -> None: ...

    async def is_refused(self, peer: int) -> bool: ...


class Machine:
    """The Engine that is built in: one server's replica, state and store. `open_store` opens them
    anew each time the server is reborn after it was left out or its disk was full, and
    `on_failure` hears when it cannot; `on_leading` hears of every change of `leads`,
    `on_configuration` of every one of what the replica says of the servers and their places."""

    def __init__(
        self,
        server_id: int,
        addresses: Mapping[int, Address],
        rules: Rules,
        time: Timekeeper,
        index: SearchIndex,
        opened: tuple[PersistentStore, Recovered],
        open_store: Callable[[], tuple[PersistentStore, Recovered]],
        on_leading: Callable[[bool], None],
        on_failure: Callable[[Exception], None],
        on_configuration: Callable[[], None] = lambda: None,
    ) -> None:
        self.server_id = server_id
        self.rules = rules
        self.time = time
        self.outlook = Outlook(server_id, addresses, rules)
        self.index = index
        self.state = ChatState()
        self.feed = Feed(self._announce)
        self._look_alikes = LookAlikes()
        self._readers = Readers(asyncio.get_running_loop(), self.feed, lambda: self.state)
        self._reopening = Reopening(server_id, open_store)
        self._pace = DiskPace()
        self._disk_room = DiskRoom()
        self._look_at_room_at = 0.0
        self._on_leading = on_leading
        self._on_failure = on_failure
        self._on_configuration = on_configuration
        self._configurations: tuple[str, ...] = ()
        self._network: Network | None = None
        self._loop = asyncio.get_running_loop()
        self._writes = Writes(self._loop)
        self._room = asyncio.Event()  # set while the disk keeps up
        self._tasks = Tasks()
        self._noting: set[str] = set()  # sessions whose use is being noted
        self._rebirth: asyncio.Task[None] | None = None
        self._led = False
        self._settled = asyncio.Event()  # set unless the replica holds writes
        self._stopped = False
        self.times_led = 0
        # Told how many seconds each confirmed write took, where somebody wants to know.
        self.on_committed: Callable[[float], None] | None = None
        self._begin(*opened)
        index.begin(opened[1].state, opened[1].durable)

    def _begin(self, store: PersistentStore, recovered: Recovered) -> None:
        self.store, self.state = store, recovered.state
        self._room.set()
        self._applied = recovered.durable.committed
        self.incarnation = secrets.randbits(63) | 1
        self.replica = Replica(
            self.server_id, self.incarnation, self.rules, recovered.durable, clock_s()
        )
        self._speaking = Speaking(self.server_id, self.incarnation, self._give)
        self._fetching = Fetching(
            self.server_id, self.incarnation, self.replica, self._step, self.room, self._take_on
        )
        self.outlook.begin(self.replica)

    def connect(self, network: Network) -> None:
        self._network = network
        self._tell_configuration()

    def follow(self, rules: Rules, addresses: Mapping[int, Address]) -> None:
        """The servers go by another configuration, or are about to."""
        self.rules = rules
        self.outlook.follow(rules, addresses, clock_s())
        self.time.count(len(rules.configured))

    @property
    def is_stopped(self) -> bool:
        """Nothing is accepted any more."""
        return self._stopped

    @property
    def writes_in_hand(self) -> int:
        return self._writes.in_hand

    # --- for the services -------------------------------------------------------------

    def require_reader(self) -> None:
        """NotLeader or NoQuorum unless this server may answer from its state now."""
        if not self._stopped and self.replica.may_read(clock_s()):
            return
        if self.replica.leads:
            raise NoQuorum("The leader cannot reach enough servers; try again.")
        raise self.not_leader()

    async def room(self) -> None:
        """Returns once this server's disk keeps up with what is to be written."""
        if not self._room.is_set():
            await self._room.wait()

    async def settled(self) -> None:
        """Returns when nobody is being let in here: a call that comes meanwhile waits for that
        moment, and is not refused. The replica holds for seconds at the most."""
        if not self._settled.is_set():
            await self._settled.wait()

    async def authenticate(self, token_hash: str) -> Session:
        self.require_reader()
        session = self._living(token_hash)
        if session is None:
            raise SessionEnded("The session has ended; sign in again.")
        return session

    def user_of(self, token_hash: str) -> str | None:
        """Whose token it is as far as is known here; not whether it counts for anything."""
        session = self.state.accounts.session(token_hash)
        return session.username if session is not None else None

    def session_lives(self, token_hash: str) -> bool:
        return self._living(token_hash) is not None

    def _living(self, token_hash: str) -> Session | None:
        """The session, which is in use at this moment: asked for by its call, or its stream."""
        now = self.time.expiry_ms()
        session = self.state.accounts.session(token_hash, now)
        if session is not None and now - session.used_at > limits.SESSION_USE_NOTED_MS:
            self._note_use(token_hash)
        return session

    def _note_use(self, token_hash: str) -> None:
        """Nobody waits for it: where it fails, the next call or heartbeat tries it again."""
        noting = self._noting
        if token_hash in noting or len(noting) >= limits.SESSION_USES_NOTED_AT_ONCE_MAX:
            return
        noting.add(token_hash)

        async def note() -> None:
            try:
                with suppress(ChatError):
                    await self.write(UseSession(token_hash, self.time.now_ms()))
            finally:
                noting.discard(token_hash)

        self._tasks.spawn(note())

    async def refuse_taken(self, name: str, request_id: str) -> str:
        taken = self.state.accounts.find(name) is not None
        if taken and not self.state.requests.finished(request_id, RegisterUser, name):
            raise NameTaken("This name is taken.")
        return await self._look_alikes.refuse(name, self.state)

    async def read(
        self,
        question: Callable[Concatenate[ChatState, _Arguments], _Answer],
        *arguments: _Arguments.args,
        **named: _Arguments.kwargs,
    ) -> _Answer:
        return question(self.state, *arguments, **named)

    async def search(self, wanted: Wanted) -> Hits:
        return await self.index.search(wanted)

    def now_ms(self) -> int:
        return self.time.now_ms()

    async def write(self, operation: Operation) -> Result:
        """The result once the operation is on the disk of every member of the view. Raises
        the ChatError that it came to, or NotLeader, NoQuorum, Busy when nothing is known."""
        if not self.replica.leads or self._stopped:
            raise self.not_leader()
        first, began = not self._writes.batch_is_due, clock_s()
        future = self._writes.take(operation, began)
        if first and self._writes.batch_is_due:
            self._loop.call_soon(self._propose)
        outcome = await future
        if self.on_committed is not None:
            self.on_committed(clock_s() - began)
        if isinstance(outcome.result, ChatError):
            raise outcome.result
        return outcome.result

    def leader_info(self) -> chat_pb2.GetLeaderInfoResponse:
        remarks = dict(self.time.remarks())
        own = (remarks.get(self.server_id, ""), self._pace.remark())
        remarks[self.server_id] = " ".join(filter(None, own))
        info = self.outlook.leader_info(clock_s(), self._reopening.obstacle, remarks)
        info.keep_messages_days = self.state.usage.keep_days
        return info

    def not_leader(self) -> NotLeader:
        return self.outlook.not_leader(clock_s())

    def picture(self) -> ClusterPicture:
        return self.outlook.picture(clock_s(), self._reopening.obstacle)

    # --- events -------------------------------------------------------------------------

    def tick(self) -> None:
        self.time.check()
        self._writes.tell_late(clock_s())
        self._step(self.replica.tick)
        self.outlook.say(clock_s())
        sentence = self._pace.look(*self.store.take_slow(), clock_s())
        if sentence:
            _log.warning("server %d %s", self.server_id, sentence)
        if not self._stopped and clock_s() >= self._look_at_room_at:
            self._look_at_room_at = inf
            self._tasks.spawn(self._look_at_room())
        if not self._stopped and self.store.fold_due():
            self.store.fold(self.state.snapshot(), self._applied.index)

    async def _look_at_room(self) -> None:
        """How much the disk still takes. One that hangs is asked once."""
        try:
            free = await asyncio.to_thread(free_bytes, self.store.folder)
            sentence = self._disk_room.look(free, self.store.figures().file_bytes, clock_s())
            self.outlook.neighbours.own_trouble = self._disk_room.trouble
            if sentence:
                _log.warning("server %d %s", self.server_id, sentence)
        except OSError as error:
            _log.warning("what is free on the disk cannot be found out: %s", error)
        self._look_at_room_at = clock_s() + limits.DISK_LOOK_S

    def ping(self) -> Ping | None:
        return self.replica.ping(clock_s())

    def is_unsure(self) -> bool:
        """Whether the peers are to be asked more often than each heartbeat."""
        return self.replica.is_unsure(clock_s())

    def is_calm(self) -> bool:
        """Whether a tick each heartbeat is enough."""
        return self.replica.is_calm(clock_s())

    def ping_received(self, sender: int, ping: Ping) -> Pong | None:
        now = clock_s()
        pong, effects = self.replica.ping_received(sender, ping.report.incarnation, ping, now)
        self.outlook.hear(sender, ping.report, now)
        self._step(lambda _now: effects)
        return pong

    def pong_received(self, sender: int, pong: Pong) -> None:
        self._step(self.replica.pong_received, sender, pong)
        self.outlook.hear(sender, pong.report, clock_s())

    def received(self, sender: int, incarnation: int, message: Message) -> None:
        self._step(self.replica.received, sender, incarnation, message)

    def stream_broken(self, peer: int) -> None:
        self._speaking.forget(peer)
        self._step(self.replica.stream_broken, peer)

    def _propose(self) -> None:
        """Everything that came while the last batch was on its way, as one step, one message
        to each member and one sync: under load this more than doubles the writes a second."""
        if not self._writes.batch_is_due:
            return
        if not self.replica.leads:
            self._lose_all()
        elif self._room.is_set():
            self._step(self.replica.propose, *self._writes.next_batch())

    def _synced(self, replica: Replica, ticket: int) -> None:
        if replica is not self.replica or self._stopped:
            return
        if not self._room.is_set() and self.store.has_room():
            self._room.set()
            self._loop.call_soon(self._propose)
        self._step(replica.synced, ticket)

    # --- effects, in the order that `Effects` gives -----------------------------------------

    def _step(self, step: Callable[..., Effects], *arguments: object) -> None:
        """One step of the replica, carried out. If an invariant does not hold or there is no
        memory, this server ends at once: it acknowledges nothing more, and the others go on."""
        try:
            self._run(step(*arguments, clock_s()))
        except Exception as error:
            self.fence()
            self._on_failure(error)

    def _run(self, effects: Effects) -> None:
        if self._stopped:
            return
        for sentence in effects.notices:
            _log.info("%s", sentence)
        for sentence in effects.warnings:
            _log.warning("%s", sentence)
        self._persist(effects)
        self._speaking.say(effects.send)
        for entry in effects.committed:
            self._apply(entry)
        if effects.catch_up is not None:
            assert self._network is not None
            self._tasks.spawn(self._fetching.fetch(self._network, effects.catch_up))
        for peer, incarnation in effects.probe:
            self._tasks.spawn(self._probe(peer, incarnation))
        if effects.lost_leadership:
            self._lose_all()
        self._tell_leading()
        self._tell_configuration()
        if effects.expelled:
            self._expelled()

    def _persist(self, effects: Effects) -> None:
        if not effects.persist:
            return
        replica, ticket = self.replica, effects.ticket

        def on_synced() -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._synced, replica, ticket)

        self.store.append(effects.persist, on_synced)
        if not self.store.has_room():
            self._room.clear()

    def _give(self, peer: int, word: replication_pb2.PeerMessage) -> None:
        assert self._network is not None
        self._network.send(peer, word)

    def _apply(self, entry: Entry) -> None:
        outcome = self.state.apply(entry.operation)
        self._applied = entry.position
        self.index.applied(entry.position, outcome)
        if outcome.told is not None:
            self.feed.publish(outcome.told)
            if isinstance(outcome.told.kind, (PresenceHidden, UserBlocked)):
                self._tell_privacy(outcome.told)
        if outcome.rooms:
            members = self.state.rooms.members
            self.feed.publish_in_rooms((told, members(told.event.room)) for told in outcome.rooms)
        if outcome.read is not None:
            self._readers.take(outcome.read)
        self.feed.end_sessions(outcome.ended)
        if self._writes.applied(entry.ticket, outcome):
            self._loop.call_soon(self._propose)

    def _announce(self, username: str, online: bool) -> None:
        """To those contacts who may see it, and listen."""
        state = self.state
        listening = self.feed.online_among(state.conversations.contacts(username))
        seen_by = {name for name in listening if state.accounts.shows_presence(username, name)}
        self.feed.tell_presence(username, online, seen_by)

    def _tell_privacy(self, told: Told) -> None:
        """What somebody settles about who sees them is seen at once."""
        (name,) = told.cursors
        if isinstance(told.kind, PresenceHidden):
            self._show(name, self.state.conversations.contacts(name))
        elif isinstance(told.kind, UserBlocked):
            other = told.kind.name
            if other in self.state.conversations.contacts(name):
                self._show(name, {other})
                self._show(other, {name})

    def _show(self, name: str, contacts: Set[str]) -> None:
        """Who is online is so for these from now on, or is not any more."""
        if not self.feed.online(name):
            return
        shows, listening = self.state.accounts.shows_presence, self.feed.online_among(contacts)
        for online in (True, False):
            told = {each for each in listening if shows(name, each) is online}
            self.feed.tell_presence(name, online, told)

    def _lose_all(self) -> None:
        self._writes.lose_all(self.not_leader())

    def _tell_leading(self) -> None:
        leads = self.replica.leads
        (self._settled.clear if self.replica.holds else self._settled.set)()
        if leads != self._led:
            self._led = leads
            self.times_led += leads
            if not leads:
                self.feed.end_all(self.not_leader())
            self._on_leading(leads)

    def _tell_configuration(self) -> None:
        known = self.replica.configurations
        if known != self._configurations:
            self._configurations = known
            self._on_configuration()

    async def _probe(self, peer: int, incarnation: int) -> None:
        assert self._network is not None
        if await self._network.is_refused(peer):
            self._step(self.replica.refused, peer, incarnation)

    # --- catching up ------------------------------------------------------------------------

    async def _take_on(self, snapshot: Received) -> None:
        store, (state, position) = self.store, snapshot
        await asyncio.to_thread(store.replace, state, position)
        if store is self.store:
            self.state, self._applied = state, position
            self._forget_before(Durable(commit=position.index, last=position))
            self._step(self.replica.adopted, position)

    def backup(self) -> Iterator[bytes]:
        """All that is held at this moment, as a file; the caller may take its time."""
        return self.store.backup_chunks(self.state.snapshot(), self._applied)

    def serve_catch_up(self, asker: Asker) -> Iterator[replication_pb2.CatchUpResponse] | None:
        """What it lacks, as the log and the state are at this moment; None = not from me.
        The caller may take its time: what the iterator holds does not change."""
        store, picture, applied = self.store, self.state.snapshot, self._applied
        return answer(
            self.replica, asker, applied, lambda: store.document_chunks(picture(), applied)
        )

    # --- the end, and a new beginning -----------------------------------------------------------

    def _expelled(self) -> None:
        self._lose_all()
        self.feed.end_all(self.not_leader())
        apart = self.replica.apart is not None  # that is for a person to mend
        if not apart and self.rules.rejoin and self.replica.report().status is ReplicaStatus.OUT:
            self._rebirth = self._loop.create_task(self._be_reborn())

    def store_failed(self, error: OSError) -> None:
        """Nothing more is written. A sync that failed is never tried again: what is on disk is
        read back, by a new process where the disk is broken, else once there is room."""
        if self._stopped:
            return
        if not lacks_room(error):
            self._on_failure(error)
        elif self._rebirth is None or self._rebirth.done():
            self._lose_all()
            self.feed.end_all(self.not_leader())
            self._rebirth = self._loop.create_task(self._be_reborn(full=error))

    async def _be_reborn(self, full: OSError | None = None) -> None:
        """The incarnation that was left out is gone for good; a new one joins."""
        self._step(self.replica.shut_down)  # it writes and promises nothing any more
        self._speaking.end()
        try:
            opened = await self._reopening.reopen(self.store, full)
        except (StoreError, OSError) as error:
            self._on_failure(error)
            return
        if opened is None:
            return
        store, recovered = opened
        if self._stopped:
            await asyncio.to_thread(store.close)
            return
        # The operator's word was about one moment, not every new beginning.
        self.rules = replace(self.rules, force_new_view=False)
        self._fetching.is_over = True
        self._begin(store, recovered)
        self._forget_before(recovered.durable)
        _log.info("server %d starts anew to join again", self.server_id)

    def _forget_before(self, log: Durable) -> None:
        """The state is that of `log` now. What was before is in circles, for which Python looks
        seldom: it goes while nobody is served here, and the index lets go of it last."""
        look_once_more()
        self.index.begin(self.state, log)

    def shut_down(self) -> None:
        """Serves nothing any more and says farewell to the others."""
        self._step(self.replica.shut_down)
        self._tell_leading()

    def fence(self) -> None:
        """After this nothing is accepted, sent, acknowledged or answered any more."""
        self._stopped = True
        self._speaking.end()
        self._reopening.end()
        self._settled.set()
        self._lose_all()
        self.feed.end_all(self.not_leader())

    async def stop(self) -> None:
        """Fenced, and what was appended is on disk."""
        self.fence()
        if self._rebirth is not None:  # it must not open the store behind our back
            await asyncio.gather(self._rebirth, return_exceptions=True)
        await self._tasks.end()
        await asyncio.to_thread(self.index.stop)
        with suppress(OSError):  # it failed before, and that was said
            await asyncio.to_thread(self.store.close)
