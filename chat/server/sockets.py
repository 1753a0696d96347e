"""What the operating system says of an address: whether it can be bound, whether it refuses;
and the end of a connection that gRPC itself would keep.

Runs on the loop's thread and never blocks it, but for what looks at every open file.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chat.config import Address
from chat.core import limits
from chat.server.callers import Remote
from chat.system import REUSES_ADDRESSES_SAFELY, open_descriptors

# As `getaddrinfo` gives them: family, kind, protocol and the numeric address.
Target = tuple[int, int, int, Any]


async def resolve(address: Address) -> tuple[Target, ...]:
    """The numeric addresses that a name stands for at this moment. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM
    )
    return tuple((family, kind, protocol, target) for family, kind, protocol, _, target in found)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nobody can listen at an address, in the operating system's words. It may pass where
    the name or the address is unknown here, which may come when the network does."""

    words: str
    may_pass: bool


async def why_not_bind(address: Address) -> Obstacle | None:
    """None where one can listen there.

    A name may stand for an address of a kind that this computer lacks; the others do then.
    """
    try:
        targets = await resolve(address)
    except OSError as error:
        return Obstacle(_words(error), may_pass=True)
    errors = [error for error in map(_bind_error, targets) if error is not None]
    taken = [error for error in errors if error.errno == errno.EADDRINUSE]
    if taken:
        return Obstacle(_words(taken[0]), may_pass=False)
    if len(errors) < len(targets):
        return None
    absent = any(error.errno == errno.EADDRNOTAVAIL for error in errors)
    return Obstacle(_words(errors[0]), may_pass=absent)


def _bind_error(target: Target) -> OSError | None:
    family, kind, protocol, place = target
    try:
        with socket.socket(family, kind, protocol) as probe:
            if REUSES_ADDRESSES_SAFELY:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        return error
    return None


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


async def all_refuse(targets: Sequence[Target]) -> bool:
    """Whether there are targets and each one answers a connection with ECONNREFUSED. No
    answer, no route or a connection are no refusal: something may live there."""
    refusals = await asyncio.gather(*map(_refuses, targets))
    return bool(refusals) and all(refusals)


async def _refuses(target: Target) -> bool:
    family, kind, protocol, place = target
    loop = asyncio.get_running_loop()
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.setblocking(False)
            await asyncio.wait_for(loop.sock_connect(probe, place), limits.PROBE_TIMEOUT_MS / 1000)
            # A port of the ephemeral range on this computer can connect to itself.
            return bool(probe.getsockname() == probe.getpeername())
    except OSError as error:
        return error.errno == errno.ECONNREFUSED
    except asyncio.TimeoutError:
        return False


def end_connections(remote: Container[Remote]) -> int:
    """Shuts down this process's connections with these hosts and ports; how many there were.
    gRPC has no call for it: a client that answers its pings may leave an answer where it is
    for ever. gRPC sees the connection end and closes it."""
    ended = 0
    for connection, _, other in _connections():
        if other in remote:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
                ended += 1
    return ended


def connections_at(port: int) -> list[Remote]:
    """The other ends of the connections that this process took at its port, roughly the oldest
    first."""
    return [other for _, own_port, other in _connections() if own_port == port]


def open_files() -> int:
    return len(open_descriptors())


def _connections() -> Iterator[tuple[socket.socket, int, Remote]]:
    """This process's TCP connections with their own ports. Each descriptor is looked at through
    one of our own, so that it cannot come to mean another connection meanwhile."""
    for descriptor in open_descriptors():
        try:
            own = os.dup(descriptor)
        except OSError:
            continue  # it is closed by now
        try:
            connection = socket.socket(fileno=own)
        except OSError:
            os.close(own)  # a file
            continue
        with connection, contextlib.suppress(OSError):
            if connection.family in (socket.AF_INET, socket.AF_INET6):
                host, port = connection.getpeername()[:2]
                other = (host.removeprefix("::ffff:").partition("%")[0], port)
                yield connection, connection.getsockname()[1], other
