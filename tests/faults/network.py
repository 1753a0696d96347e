"""Network: every connection between two servers goes through a proxy that may misbehave.

A proxy never stops listening, because the system would then refuse connections, which is
proof of a death; only `refuse` does that, where just this is meant, and `is_dead`, where the
server is dead indeed. Clients are not affected.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from itertools import permutations
from typing import Any, Protocol

from tests.faults.processes import DEADLINE_S
from tests.ports import free_ports

_CHUNK_BYTES = 65_536


class Link:
    """The connections that one server makes to another. Everything runs on the loop."""

    def __init__(self, port: int, target_port: int) -> None:
        self.port = port
        self.delay_s = 0.0
        self.dead = False  # the target's process: its address then refuses
        self._target_port = target_port
        self._closed = False
        self._flows = asyncio.Event()
        self._flows.set()
        self._there, self._back = asyncio.Event(), asyncio.Event()
        self._there.set()
        self._back.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None

    async def listen(self) -> None:
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._listener.setblocking(False)
            asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    async def refuse(self) -> None:
        """As if the machine were up and the program gone."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for writer in self._writers:
            writer.transport.abort()

    async def cut(self) -> None:
        """A black hole: connections stand, new ones can be made, and nothing comes through
        (once healed it does after all, as TCP sends again what was not confirmed)."""
        self._flows.clear()

    async def cut_one_way(self, there: bool) -> None:
        """...in one direction only: what the caller sends, or what comes back."""
        (self._there if there else self._back).clear()

    async def heal(self) -> None:
        self.delay_s = 0.0
        self._there.set()
        self._back.set()
        self._flows.set()
        await self.settle()

    async def settle(self) -> None:
        """Refuses for a dead target, unless even that cannot come through."""
        if self.dead and self._flows.is_set():
            await self.refuse()
        else:
            await self.listen()

    async def half_close(self) -> None:
        """Ends one direction of each connection that stands."""
        for writer in self._writers:
            with suppress(OSError):  # the other end was faster
                writer.get_extra_info("socket").shutdown(socket.SHUT_WR)

    async def close(self) -> None:
        """Every connection ends, also those that are being made."""
        self._closed = True
        for event in (self._flows, self._there, self._back):
            event.set()
        await self.refuse()

    def _accept(self, listener: socket.socket) -> None:
        """A listener of asyncio's own loses what it has just accepted when it is closed."""
        with suppress(OSError):
            accepted, _ = listener.accept()
            connection = asyncio.get_running_loop().create_task(self._serve(accepted))
            self._connections.add(connection)
            connection.add_done_callback(self._connections.discard)

    async def _serve(self, accepted: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=accepted)
        writers = [writer]
        try:
            onward = await asyncio.open_connection("127.0.0.1", self._target_port)
            writers.append(onward[1])
            self._writers.update(writers)
            if self._closed:
                return
            await asyncio.gather(
                self._pump(reader, onward[1], self._there),
                self._pump(onward[0], writer, self._back),
            )
        except OSError:
            # One of the two ends is gone; the other hears of it as soon as the link is whole.
            await self._flows.wait()
        finally:
            self._writers.difference_update(writers)
            for one in writers:
                one.close()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, direction: asyncio.Event
    ) -> None:
        while data := await source.read(_CHUNK_BYTES):
            await asyncio.sleep(self.delay_s)
            await self._flows.wait()
            await direction.wait()
            sink.write(data)
            await sink.drain()
        await self._flows.wait()
        sink.write_eof()


class Linked(Protocol):
    """What the network needs of the servers."""

    reach: dict[int, Mapping[int, str]]  # by server: where it finds which others

    @property
    def ids(self) -> tuple[int, ...]: ...

    @property
    def ports(self) -> dict[int, int]: ...


class Network:
    """The links between `servers`, on a loop in a thread of its own; a context manager. Make it
    before the servers start. Pairs are unordered: what is done is done in both directions."""

    def __init__(self, servers: Linked) -> None:
        self._servers = servers
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        pairs = list(permutations(servers.ids, 2))
        ports = servers.ports
        self._links: dict[tuple[int, int], Link] = {}
        for (source, target), port in zip(pairs, free_ports(len(pairs)), strict=True):
            self._links[source, target] = Link(port, ports[target])
        for source in servers.ids:
            others = {t: f"127.0.0.1:{k.port}" for (s, t), k in self._links.items() if s == source}
            servers.reach[source] = others

    def __enter__(self) -> Network:
        self._thread.start()
        self._each(Link.listen)
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        for link in self._links.values():
            await link.close()
        while connections := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(connections)
        await asyncio.sleep(0)  # for the transports that were closed last

    def cut(self, one: int, other: int) -> None:
        self._each(Link.cut, one, other)

    def cut_one_way(self, sender: int, receiver: int) -> None:
        """What one says does not come to the other, whoever made the connection."""
        self._run(self._links[sender, receiver].cut_one_way(there=True))
        self._run(self._links[receiver, sender].cut_one_way(there=False))

    def isolate(self, server_id: int) -> None:
        for other in self._servers.ids:
            if other != server_id:
                self.cut(server_id, other)

    def heal(self) -> None:
        self._each(Link.heal)

    def half_close(self) -> None:
        self._each(Link.half_close)

    def is_dead(self, server_id: int, dead: bool = True) -> None:
        """To be called after each death of the process, and before each new start."""
        for (_, target), link in self._links.items():
            if target == server_id:
                link.dead = dead
                self._run(link.settle())

    def refuse(self, source: int, target: int) -> None:
        """Only in this direction: `source` finds nothing at the address of `target`."""
        self._run(self._links[source, target].refuse())

    def delay(self, seconds: float) -> None:
        for link in self._links.values():
            link.delay_s = seconds

    def _each(self, act: Callable[[Link], Coroutine[Any, Any, None]], *pair: int) -> None:
        for link in self._between(*pair):
            self._run(act(link))

    def _between(self, *pair: int) -> Iterator[Link]:
        """All links, or the two between a pair."""
        for ends, link in self._links.items():
            if not pair or set(ends) == set(pair):
                yield link

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE_S)
