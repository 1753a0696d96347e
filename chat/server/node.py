"""Node: one server, wired together; start, stop, and the sudden end for tests."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Any, Final

import grpc
from grpc import aio
from grpc_health.v1 import health, health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from chat import peer_wire
from chat.config import Address, Config, parse_address
from chat.core import limits
from chat.core.replication.replica import Rules
from chat.rpc import (
    admin_pb2,
    admin_pb2_grpc,
    chat_pb2,
    chat_pb2_grpc,
    health_pb2,
    replication_pb2,
    replication_pb2_grpc,
)
from chat.rpc import health_pb2_grpc as chat_health_pb2_grpc
from chat.server.admin_service import AdminService
from chat.server.agreement import agreement
from chat.server.allowance import Allowances, Rates
from chat.server.backup import keep_copy
from chat.server.call_watch import CallWatch
from chat.server.callers import Remote
from chat.server.calls import CallsInHand
from chat.server.chat_service import ChatService
from chat.server.config_file import ConfigFile, with_agreed
from chat.server.crowding import make_room
from chat.server.data_files import StoreError
from chat.server.descriptors import connections_max
from chat.server.election import LeaderElection
from chat.server.expiry import Expiry
from chat.server.feed import BEAT_PARTS
from chat.server.gate import CallGate
from chat.server.health_service import HealthService
from chat.server.heartbeat import Heartbeat, tick_s
from chat.server.identity import Identity, load_identity, publish_certificate, trust_of
from chat.server.lanes import Lanes
from chat.server.machine import Machine
from chat.server.memory import is_lacking
from chat.server.metrics import Metrics, Reading
from chat.server.options import Options, StartError, grpc_options
from chat.server.passwords import Passwords
from chat.server.peering import ANYWHERE, Found, Peering
from chat.server.peers import Peers
from chat.server.pinging import Pinging
from chat.server.readings import readings
from chat.server.replication_service import ReplicationService
from chat.server.search_index import SearchIndex
from chat.server.sockets import end_connections, resolve, why_not_bind
from chat.server.store import PersistentStore, Recovered
from chat.server.tasks import Tasks
from chat.server.timekeeper import Timekeeper, clock_s

_log = logging.getLogger(__name__)

LEADER_HEALTH: Final = "chat.leader"
# What is in good health only where this server leads: people are served by the leader alone.
_LED: Final = (LEADER_HEALTH, "chat.v1.ChatService")
_STOP_GRACE_S: Final = 0.5


class StandsStill(Exception):
    """A part of the server does nothing any more, though the rest goes on."""


class Node:
    """Everything runs on the event loop that calls `start`, beside the election thread, the
    store's threads and the password pool. `failed` is set to the error that ends it;
    `longest_gap_ms` tells for how long the loop has stood still lately."""

    def __init__(
        self,
        config: Config,
        server_id: int,
        options: Options | None = None,
        longest_gap_ms: Callable[[], int] = lambda: 0,
    ) -> None:
        self.config = config
        self._longest_gap_ms = longest_gap_ms
        self.server_id = server_id
        self.options = options or Options()
        self.address = self.options.listen or config.servers[server_id]
        folder = self.options.data_dir or config.data_dir
        self._file = ConfigFile(config, self.options.config_file, folder, server_id)
        self._stopping = self._follows = False
        self.metrics: Metrics | None = None  # where somebody asked for them
        self._refused_versions: dict[int, str] = {}
        self._tasks, self._rounds = Tasks(), Tasks()

    async def address_known(self) -> None:
        """Returns once this computer has the address that this server shall listen at; at once
        where something else is in the way, which `start` refuses. After a power failure servers
        may start before the network does, and nobody is there to start them again."""
        self._refuse_open_listener()
        told_at = -math.inf
        while (obstacle := await why_not_bind(self.address)) and obstacle.may_pass:
            if time.monotonic() - told_at >= limits.ADDRESS_TOLD_EVERY_S:
                told_at = time.monotonic()
                _log.warning(
                    "server %d waits: %s is not known on this computer yet (%s); if it never will "
                    "be, correct the configuration or give another address with --listen",
                    self.server_id,
                    self.address,
                    obstacle.words,
                )
            await asyncio.sleep(limits.ADDRESS_RETRY_S)

    async def start(self) -> None:
        """Returns once the server answers. Raises StartError, ConfigError."""
        self._loop = asyncio.get_running_loop()
        self.failed: asyncio.Future[BaseException] = self._loop.create_future()
        self._refuse_open_listener()
        identity = load_identity(self.config)
        publish_certificate(self.config, identity)
        trust = trust_of(self.config, identity)
        self.passwords = Passwords(self.options.bcrypt_cost)
        opened = await asyncio.to_thread(self._open_store_first)
        agreed = opened[1].durable.promised.configuration
        asks = self.options.join or self.options.force_new_view
        self.config = self._file.at_start(agreed, asks)
        self.address = self.options.listen or self.config.servers.get(self.server_id, self.address)
        self.machine = self._make_machine(opened)
        self._peering = self._make_peering(identity)
        others = self._others()
        self._peers = Peers(others, trust, self._peering, self._stream_broken)
        self.machine.connect(self._peers)
        self._heartbeat = Heartbeat(
            self.machine,
            self._heartbeat_s,
            lambda request: self._pinging.ping(request),
            lambda: self._election.hurry(),
        )
        try:
            await self._listen(identity)
        except BaseException:
            await self._end_metrics()
            await self._peers.close()
            await self.machine.stop()
            self.passwords.close()
            raise
        timeout_s = self.config.vote_ms / 1000
        self._pinging = Pinging(others, trust, self._peering, timeout_s, self._pong, self._found)
        post = self._loop.call_soon_threadsafe
        self._election = LeaderElection(tick_s(self._heartbeat_s()), post, self._heartbeat.tick)
        self._election.start()
        self._follows = True
        self._follow_configuration()
        for each in (self._beat(), self._sweep(), Expiry(self.machine).run()):
            self._rounds.spawn(each)

    async def stop(self) -> None:
        """A clean end: leadership is handed over, everything is on disk."""
        if self._stopping:
            return
        self._stopping = True
        self._heartbeat.end()
        await self._health.enter_graceful_shutdown()
        self.machine.shut_down()
        await self._peers.flush()
        await self._end(_STOP_GRACE_S)

    async def kill(self) -> None:
        """A sudden end without a farewell, as near to kill -9 as one process can play."""
        if not self._stopping:
            self._stopping = True
            self._heartbeat.end()
            await self._end(None)

    async def _end(self, grace_s: float | None) -> None:
        self.machine.fence()  # first: what dies at the same moment must not be seen to die
        await self._rounds.end()
        await asyncio.to_thread(self._election.stop)
        await self._pinging.end()
        await self._end_metrics()
        self._replication.end_streams()  # they would use up the grace
        self._pinged.end_streams()
        await self._server.stop(grace_s)
        await self._peers.close()
        await self.machine.stop()
        await self._tasks.finished()
        await asyncio.to_thread(self.passwords.close)

    def _refuse_open_listener(self) -> None:
        if self.config.all_loopback and not self.address.is_loopback:
            raise StartError(
                f"--listen {self.address} can be reached from other computers, but the configured "
                "addresses cannot: put addresses in the configuration that they can reach."
            )

    # --- the parts ---------------------------------------------------------------------

    def _open_store(self) -> tuple[PersistentStore, Recovered]:
        folder = self.options.data_dir or self.config.data_dir
        store = PersistentStore(folder, self.server_id, self._on_store_failure)
        return store, store.open()

    def _open_store_first(self) -> tuple[PersistentStore, Recovered]:
        try:
            opened = self._open_store()
        except StoreError as error:
            raise StartError(str(error)) from error
        if self.options.force_new_view:
            self._keep_copy(opened[0])
        return opened

    def _keep_copy(self, store: PersistentStore) -> None:
        """What an override may cost can then still be looked up."""
        try:
            copies = keep_copy(store.folder, self.server_id)
        except OSError as error:
            store.close()
            raise StartError(
                f"--force-new-view keeps a copy of the data first, and cannot ({error})."
            ) from error
        _log.warning("--force-new-view: a copy of the data is kept in %s", copies)

    def _make_machine(self, opened: tuple[PersistentStore, Recovered]) -> Machine:
        log_ms = opened[1].state.clock
        return Machine(
            self.server_id,
            self.config.servers,
            self._rules(),
            Timekeeper(self.server_id, len(self.config.servers), log_ms, self.options.wall_ms),
            SearchIndex(opened[0].folder / f"search_{self.server_id}.db"),
            opened,
            self._open_store,
            self._on_leading,
            self.fail,
            self._on_configuration,
        )

    def _rules(self) -> Rules:
        config = self.config
        return Rules(
            configured=tuple(config.servers),
            survivors=config.quorum == "survivors",
            rejoin=config.rejoin == "automatic" or self.options.join,
            trust_refusals=config.trust_refusals,
            heartbeat_s=config.heartbeat_ms / 1000,
            out_s=config.out_ms / 1000,
            vote_s=config.vote_ms / 1000,
            attempt_s=limits.ATTEMPT_TIMEOUT_MS / 1000,
            first_start_s=self.options.first_start_ms / 1000,
            force_new_view=self.options.force_new_view,
            begins=not self.options.join,
            configuration=agreement(config),
        )

    def _heartbeat_s(self) -> float:
        return self.config.heartbeat_ms / 1000

    def _make_peering(self, identity: Identity) -> Peering:
        key, version = identity.peering_key, self.options.version
        return Peering(key, self.server_id, self._places(), version)

    def _places(self) -> dict[int, str]:
        """Where servers are called, as all of them know it."""
        known = {n: str(address) for n, address in self.config.servers.items()}
        places = {self.server_id: str(self.address), **known, **self.machine.replica.places}
        if self.config.encrypted:
            places = dict.fromkeys(places, ANYWHERE)
        elif self.options.listen is not None:
            places[self.server_id] = ANYWHERE
        return places

    async def _listen(self, identity: Identity) -> None:
        # gRPC would not tell why.
        obstacle = await why_not_bind(self.address)
        if obstacle is not None:
            raise StartError(
                f"{self.address} cannot be listened on ({obstacle.words}): stop the other program, "
                "or give an address of this computer with --listen."
            )
        machine = self.machine
        self._calls = CallsInHand(self._end_connections)
        gate = CallGate(
            machine,
            self._peering,
            self._calls,
            self._watch_calls(),
        )
        # gRPC counts connections at each address that it listens on.
        self._connections_max = connections_max() // len(await resolve(self.address))
        options = grpc_options(self._connections_max)
        self._server = aio.server(interceptors=(gate,), options=options)
        lanes: Any = Lanes(self._server)
        rates = Rates(self.config.user_bytes_per_second, self.config.user_bytes_per_day)
        allowances = Allowances(rates)
        chat_pb2_grpc.add_ChatServiceServicer_to_server(
            ChatService(
                machine,
                self.passwords,
                allowances,
                self._longest_gap_ms,
                self.config.registration,
            ),
            lanes,
        )
        self._replication = ReplicationService(machine, self._heartbeat.heard, lambda: self.config)
        replication_pb2_grpc.add_ReplicationServiceServicer_to_server(self._replication, lanes)
        self._pinged = HealthService(machine, self.options.version, self._heartbeat.pinged)
        chat_health_pb2_grpc.add_HealthServiceServicer_to_server(self._pinged, lanes)
        admin_pb2_grpc.add_AdminServiceServicer_to_server(
            AdminService(machine, self.config.registration), self._server
        )
        self._health = health.aio.HealthServicer()
        for name in _LED:
            await self._health.set(name, HealthCheckResponse.NOT_SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, lanes)
        names = [
            service.full_name
            for module in (chat_pb2, replication_pb2, health_pb2, admin_pb2)
            for service in module.DESCRIPTOR.services_by_name.values()
        ]
        for name in set(names) - set(_LED):
            await self._health.set(name, HealthCheckResponse.SERVING)
        reflected = (*names, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(
            reflection.aio.ReflectionServicer(reflected), lanes
        )
        try:
            port = self._bind(identity)
        except RuntimeError as error:
            raise StartError(f"{self.address} cannot be listened on ({error}).") from error
        self.address = Address(self.address.host, port)
        await self._server.start()

    def _watch_calls(self) -> CallWatch | None:
        """None where nobody asked to hear of each."""
        at = self.options.metrics or self.config.metrics
        if at is not None:
            self.metrics = Metrics(self._loop, self._readings, self.server_id)
            self.metrics.start(at)
            self.machine.on_committed = self.metrics.committed
        watch = CallWatch(self.metrics, logs=_log.isEnabledFor(logging.DEBUG))
        return watch if watch.is_wanted else None

    async def _end_metrics(self) -> None:
        if self.metrics is not None:
            await asyncio.to_thread(self.metrics.stop)

    def _readings(self) -> list[Reading]:
        return readings(self.machine, clock_s(), self._longest_gap_ms)

    def _bind(self, identity: Identity) -> int:
        """The port; RuntimeError when it cannot be had."""
        if not self.config.encrypted:
            return self._server.add_insecure_port(str(self.address))
        pair = (identity.key_pem, identity.certificate_pem)
        return self._server.add_secure_port(str(self.address), grpc.ssl_server_credentials([pair]))

    # --- what happens -------------------------------------------------------------------

    def _stream_broken(self, peer: int) -> None:
        self.machine.stream_broken(peer)
        self._heartbeat.wake_if_restless()

    def _pong(self, peer: int, proto: health_pb2.PingResponse, asked: float) -> None:
        if not self._peering.fits(proto.version):
            self._refuse_version(peer, proto.version)
            return
        self._refused_versions.pop(peer, None)
        self.machine.outlook.neighbours.answered(peer, proto.trouble)
        try:
            pong = peer_wire.pong_from_proto(proto)
        except ValueError:
            return  # it did not know me for a peer: another version
        if proto.HasField("wall_ms"):
            self.machine.time.heard(peer, proto.wall_ms, asked)
        self.machine.pong_received(peer, pong)
        self._heartbeat.wake_if_restless()

    def _found(self, peer: int, found: Found) -> None:
        self.machine.outlook.neighbours.found(peer, found.words)

    def _refuse_version(self, peer: int, version: str) -> None:
        """Both sides say so, once: each pings the other and is told the version."""
        if self._refused_versions.get(peer) != version:
            self._refused_versions[peer] = version
            _log.warning(
                "server %d speaks version %s between servers and this one %s, which do not work "
                "together: it counts as absent; bring all servers to one version of the program",
                peer,
                version,
                self.options.version,
            )

    async def _beat(self) -> None:
        """Live streams show each second that they live, or as often as their clients ask for."""
        feed, part = self.machine.feed, 0
        while True:
            await feed.occupied.wait()
            parts = feed.parts_until_occupied(part)
            await asyncio.sleep(limits.STREAM_HEARTBEAT_S * parts / BEAT_PARTS)
            part = (part + parts) % feed.parts
            feed.beat(self.machine.session_lives, part)

    async def _sweep(self) -> None:
        ticks, missed_s = self._heartbeat.ticks, 0.0
        patience_s = max(limits.TICKS_MISSED_S, 10 * self.config.heartbeat_ms / 1000)
        while True:
            await asyncio.sleep(limits.STREAM_HEARTBEAT_S)
            self._calls.sweep()
            self._in_thread(make_room, self.address.port, self._connections_max)
            missed_s = (
                missed_s + limits.STREAM_HEARTBEAT_S if self._heartbeat.ticks == ticks else 0.0
            )
            ticks = self._heartbeat.ticks
            if missed_s >= patience_s:
                self.fail(StandsStill("the thread that keeps its time stands still"))

    def _end_connections(self, remote: frozenset[Remote]) -> None:
        """Of clients that take nothing."""
        self._in_thread(end_connections, remote)

    def _in_thread(self, work: Callable[..., object], *arguments: object) -> None:
        self._tasks.spawn(asyncio.to_thread(work, *arguments))

    def _on_configuration(self) -> None:
        if self._follows and not self._stopping:
            self._follow_configuration()

    def _follow_configuration(self) -> None:
        """The servers are others now, or elsewhere, or are about to be."""
        machine, replica = self.machine, self.machine.replica
        goes_by, formed_by, _heard_of, wanted = replica.configurations
        if goes_by != agreement(self.config):
            self.config = with_agreed(self.config, goes_by)
        if goes_by == formed_by:
            self._in_thread(self._file.follow, goes_by)
        servers = with_agreed(self.config, wanted).servers if wanted else self.config.servers
        shown = {self.server_id: self.address, **servers, **self.config.servers}
        machine.follow(self._rules(), dict(sorted(shown.items())))
        others = self._others()
        self._peering.move(self._places())
        self._peers.move(others)
        self._pinging.move(others, self.config.vote_ms / 1000)
        self._election.tick_s = tick_s(self._heartbeat_s())

    def _others(self) -> dict[int, Address]:
        """Where this server finds each other one that it may have to do with."""
        places = {n: parse_address(at) for n, at in self.machine.replica.places.items()}
        known = {**places, **self.options.reach}
        return {n: at for n, at in known.items() if n in places and n != self.server_id}

    def _on_leading(self, leads: bool) -> None:
        if not leads:
            self.passwords.end_all(self.machine.not_leader())
        if not self._stopping:
            self._heartbeat.wake_if_restless()
            self._heartbeat.ping()  # so that the others can send clients the right way at once
        status = HealthCheckResponse.SERVING if leads else HealthCheckResponse.NOT_SERVING
        for name in _LED:
            self._tasks.spawn(self._health.set(name, status))

    def _on_store_failure(self, error: OSError) -> None:
        """On any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.machine.store_failed, error)

    def fail(self, error: BaseException) -> None:
        """On any thread. Nothing may be acknowledged any more: the server ends at once."""

        def fail() -> None:
            if self.failed.done():
                return  # a tick may come before the end, and fails in the same way
            if is_of_the_disk(error):
                _log.critical("the disk failed: %s; the server stops", error)
            elif is_lacking(error):
                _log.critical("it gets no more memory (%s); the server stops", _words(error))
            elif isinstance(error, StandsStill):
                _log.critical("%s; the server stops", error)
            else:
                _log.critical("a rule of this program is broken; the server stops", exc_info=error)
            self.machine.fence()
            self.failed.set_result(error)

        post: Callable[..., object] = self._loop.call_soon_threadsafe
        if not self._loop.is_closed():
            post(fail)


def is_of_the_disk(error: BaseException) -> bool:
    return isinstance(error, (OSError, StoreError))


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
