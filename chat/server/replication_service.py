"""ReplicationService: what other servers say, handed to the machine; CallGate knows them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Final

import grpc

from chat import peer_wire
from chat.config import Config
from chat.rpc import replication_pb2 as pb
from chat.rpc import replication_pb2_grpc
from chat.server.auth import calling_server
from chat.server.catch_up import Asker
from chat.server.machine import Machine
from chat.server.peering import OPERATOR
from chat.server.reconfiguring import change
from chat.server.tasks import until

_log = logging.getLogger(__name__)
_END: Final = None


class ReplicationService(replication_pb2_grpc.ReplicationServiceServicer):
    """`on_message` is called after each message of a peer, `config` tells what this server goes
    by."""

    def __init__(
        self, machine: Machine, on_message: Callable[[], None], config: Callable[[], Config]
    ) -> None:
        self._machine = machine
        self._on_message = on_message
        self._config = config
        self._ending = asyncio.Event()

    def end_streams(self) -> None:
        """The streams are for as long as both servers live; a server that stops ends them."""
        self._ending.set()

    async def Replicate(
        self, messages: AsyncIterator[pb.PeerMessage], _context: Any
    ) -> pb.ReplicateResponse:
        await until(self._ending, self._receive(calling_server(), messages))
        return pb.ReplicateResponse()

    async def _receive(self, peer: int, messages: AsyncIterator[pb.PeerMessage]) -> None:
        warned = False
        async for proto in messages:
            try:
                message = peer_wire.message_from_proto(proto)
            except ValueError as error:
                if not warned:
                    _log.warning("server %d says what is not known: %s", peer, error)
                warned = True
                continue
            if proto.sender_id == peer:
                # Meanwhile gRPC's flow control holds the peer back.
                await self._machine.room()
                self._machine.received(peer, proto.incarnation, message)
                self._on_message()

    async def CatchUp(  # type: ignore[override]  # a coroutine that writes, not a generator
        self, request: pb.CatchUpRequest, context: Any
    ) -> None:
        view = peer_wire.view_number_from_proto(request.view) if request.HasField("view") else None
        held = peer_wire.position_from_proto(request.held)
        parts = (
            self._machine.serve_catch_up(
                Asker(request.sender_id, request.incarnation, request.after, view, held)
            )
            if request.sender_id == calling_server()
            else None
        )
        if parts is None:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "Not from this server.")
            return
        # Turning the state into text is long work: it is done beside the loop.
        while (part := await asyncio.to_thread(next, parts, _END)) is not _END:
            await context.write(part)

    async def Reconfigure(  # type: ignore[override]  # a coroutine that writes, not a generator
        self, request: pb.ReconfigureRequest, context: Any
    ) -> None:
        """A person's command, which holds the key and is no server."""
        if calling_server() != OPERATOR:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "Not for servers.")
        progress = change(self._machine, self._config(), request.configuration)
        async with aclosing(progress):
            async for step in progress:
                await context.write(
                    pb.ReconfigureResponse(words=step.words, done=step.done, failed=step.failed)
                )
