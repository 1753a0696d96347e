"""Fetching: brings entries and a snapshot from another server, no faster than the disk takes them.

Belongs to the event loop. What it brings is handed on as steps of the replica that asked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Protocol

import grpc

from chat import peer_wire
from chat.core.replication.messages import CatchUp, Effects
from chat.core.replication.replica import Replica
from chat.rpc import replication_pb2
from chat.server.journal_writer import WriterStopped
from chat.server.snapshots import IncomingSnapshot, Received

_log = logging.getLogger(__name__)


class Sources(Protocol):
    """What it needs of the network."""

    def catch_up(
        self, source: int, request: replication_pb2.CatchUpRequest
    ) -> AsyncGenerator[replication_pb2.CatchUpResponse, None]: ...


class Fetching:
    """For one replica, until `is_over` says that this one counts no more. `step` carries out a
    step of it, `room` returns once the disk keeps up, and `take_on` makes a snapshot the state."""

    def __init__(
        self,
        server_id: int,
        incarnation: int,
        replica: Replica,
        step: Callable[..., None],
        room: Callable[[], Awaitable[None]],
        take_on: Callable[[Received], Awaitable[None]],
    ) -> None:
        self._server_id = server_id
        self._incarnation = incarnation
        self._replica = replica
        self._step = step
        self._room = room
        self._take_on = take_on
        self.is_over = False

    async def fetch(self, sources: Sources, request: CatchUp) -> None:
        """All that was asked for, or `catch_up_failed`."""
        try:
            await self._fetch(sources, request)
        except (grpc.RpcError, asyncio.TimeoutError, OSError, ValueError, WriterStopped) as error:
            _log.warning("catching up from server %d failed: %s", request.source, _line(error))
            self._do(self._replica.catch_up_failed, request.ticket)

    async def _fetch(self, sources: Sources, request: CatchUp) -> None:
        """Part after part: a snapshot, if one comes, is taken on before anything that follows
        it is handed on."""
        replica, ticket, snapshot = self._replica, request.ticket, IncomingSnapshot()
        answer = sources.catch_up(request.source, self._words(request))
        async with aclosing(answer), snapshot:
            async for response in answer:
                if self.is_over or not replica.pulls(ticket):
                    return
                part = response.WhichOneof("part")
                if part == "snapshot":
                    await snapshot.take(response.snapshot.data)
                    continue
                if snapshot.has_come:
                    await self._adopt(ticket, await snapshot.read())
                if part == "entries":
                    entries = tuple(map(peer_wire.entry_from_proto, response.entries.entries))
                    self._do(replica.pulled, ticket, entries, response.entries.commit)
                    await self._room()
                elif part == "end":
                    last = peer_wire.position_from_proto(response.end.last)
                    self._do(replica.caught_up, ticket, last, response.end.commit)
                    return
        raise ValueError("the answer ended too soon")

    def _words(self, request: CatchUp) -> replication_pb2.CatchUpRequest:
        proto = replication_pb2.CatchUpRequest(
            sender_id=self._server_id,
            incarnation=self._incarnation,
            after=request.after,
            held=peer_wire.position_to_proto(request.held),
        )
        if request.view is not None:
            proto.view.CopyFrom(peer_wire.view_number_to_proto(request.view))
        return proto

    async def _adopt(self, ticket: int, snapshot: Received) -> None:
        if self.is_over or not self._replica.may_adopt(ticket):
            raise ValueError("it came too late: something newer goes on")
        await self._take_on(snapshot)

    def _do(self, step: Callable[..., Effects], *arguments: object) -> None:
        if not self.is_over:
            self._step(step, *arguments)


def _line(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error)
