"""A cluster of real servers in this process, and people who talk to it as a client does.

The servers share one event loop on a thread of its own; a test calls from its own thread.
"""

from __future__ import annotations

import asyncio
import gc
import selectors
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from chat.config import CERTIFICATE_FILE, Address, Config, parse_address
from chat.core.errors import ChatError
from chat.server.loop_watch import new_event_loop
from chat.server.node import Node
from chat.server.options import Options
from tests.people import (
    DEADLINE_S,
    PASSWORD,
    Client,
    Metadata,
    Stream,
    may_retry,
    reason,
    wait_until,
)
from tests.ports import free_ports

# All that a fault script needs comes from here.
__all__ = [
    "DEADLINE_S",
    "PASSWORD",
    "Client",
    "Cluster",
    "Metadata",
    "Stream",
    "may_retry",
    "reason",
    "wait_until",
]

_T = TypeVar("_T")

_BCRYPT_COST_MIN = 4


class Cluster:
    """`settings` are fields of Config or of Options. Servers are started by `start`."""

    def __init__(
        self,
        folder: Path,
        servers: int = 3,
        host: str = "127.0.0.1",
        selector: selectors.BaseSelector | None = None,
        **settings: Any,
    ) -> None:
        config = {name: settings.pop(name) for name in tuple(settings) if name in _CONFIG_FIELDS}
        ids = range(1, servers + 1)
        ports = free_ports(servers, host)
        self.config = Config(
            servers={
                server_id: Address(host, port) for server_id, port in zip(ids, ports, strict=True)
            },
            data_dir=folder,
            **{"certificate": folder / CERTIFICATE_FILE, "heartbeat_ms": 100, **config},
        )
        self.options = {"bcrypt_cost": _BCRYPT_COST_MIN, "first_start_ms": 500, **settings}
        self.configs: dict[int, Config] = {}  # of servers whose own differs
        self.nodes: dict[int, Node] = {}
        self._clients: list[Client] = []
        self.reach: dict[int, Mapping[int, str]] = {}  # by server: where it finds which others
        self._loop = new_event_loop() if selector is None else asyncio.SelectorEventLoop(selector)
        self._thread = threading.Thread(target=self._loop.run_forever, name="servers", daemon=True)
        self._thread.start()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(self.config.servers)

    @property
    def addresses(self) -> list[str]:
        return [str(address) for address in self.config.servers.values()]

    @property
    def ports(self) -> dict[int, int]:
        return {server_id: address.port for server_id, address in self.config.servers.items()}

    def run(self, work: Awaitable[_T]) -> _T:
        """The result of `work`, done on the servers' loop."""

        async def wrapped() -> _T:
            return await work

        return asyncio.run_coroutine_threadsafe(wrapped(), self._loop).result(DEADLINE_S)

    # -- servers --

    def start(self, *server_ids: int, **options: Any) -> Cluster:
        """Starts these servers (all, when none is named) at once; `options` as of Node."""
        chosen = server_ids or self.ids
        made = {
            server_id: Node(
                self.configs.get(server_id, self.config),
                server_id,
                Options(**{**self.options, "reach": self._found_by(server_id), **options}),
            )
            for server_id in chosen
        }

        async def start_all() -> None:
            await asyncio.gather(*(node.start() for node in made.values()))

        self.run(start_all())
        self.nodes.update(made)
        return self

    def _found_by(self, server_id: int) -> dict[int, Address]:
        return {n: parse_address(at) for n, at in self.reach.get(server_id, {}).items()}

    def stop(self, *server_ids: int) -> None:
        """A clean end, of all that run when none is named, at once."""
        self._end(server_ids or tuple(self.nodes), Node.stop)

    def kill(self, *server_ids: int) -> None:
        """A sudden end without a farewell."""
        self._end(server_ids or tuple(self.nodes), Node.kill)

    def _end(self, server_ids: tuple[int, ...], how: Callable[[Node], Awaitable[None]]) -> None:
        ending = [self.nodes.pop(server_id) for server_id in server_ids]

        async def end_all() -> None:
            await asyncio.gather(*(how(node) for node in ending))

        self.run(end_all())

    def restart(self, server_id: int, **options: Any) -> None:
        """A new process at the same address with the same data."""
        if server_id in self.nodes:
            self.kill(server_id)
        self.start(server_id, **options)

    def leaders(self) -> list[int]:
        """Those that may answer reads now."""

        async def find() -> list[int]:
            return [server_id for server_id, node in self.nodes.items() if _serves(node)]

        return self.run(find())

    def leader(self) -> int:
        """The one that leads, once one does."""
        return wait_until(lambda: self.leaders(), lambda: f"a leader; {self.picture()}")[0]

    def sign_ins_waiting(self, server_id: int) -> list[Any]:
        """The turns of those who wait for a password's check at this server; at one that has
        ended nobody does."""

        async def find() -> list[Any]:
            node = self.nodes.get(server_id)
            return list(node.passwords._queue.waiting()) if node else []

        return self.run(find())

    def members(self) -> tuple[int, ...]:
        """Of the leader's view; empty while nobody leads."""

        async def find() -> tuple[int, ...]:
            serving = [node for node in self.nodes.values() if _serves(node)]
            return tuple(serving[0].machine.replica.report().installed.members) if serving else ()

        return self.run(find())

    def wait_for_members(self, *server_ids: int) -> int:
        """The leader, once it serves a view with exactly these members (all, when none is
        named): from then on any may die."""
        wanted = server_ids or self.ids
        wait_until(
            lambda: self.members() == wanted, lambda: f"a view of {wanted}; {self.picture()}"
        )
        return self.leader()

    def picture(self) -> str:
        """How the servers see themselves, for the message of a failure."""
        lines = []
        for server_id, node in self.nodes.items():
            report = node.machine.replica.report()
            lines.append(f"{server_id}: {report.status.value} {report.installed}")
        return "; ".join(lines) or "no server runs"

    # -- people --

    def client(self, name: str = "", register: bool = True) -> Client:
        """A person's program; with a name it is registered and signed in."""
        client = Client(self, name)
        self._clients.append(client)
        if name and register:
            client.register()
        if name:
            client.login()
        return client

    def clients(self, *names: str) -> list[Client]:
        return [self.client(name) for name in names]

    def close(self) -> None:
        """Ends everything. What a task of the loop raised and nobody saw is logged here at
        the latest, as an error, and fails the test (see conftest.py)."""
        for client in self._clients:
            client.close()
        if self.nodes:
            self.kill()
        self.run(_collect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


_CONFIG_FIELDS = frozenset(Config.__dataclass_fields__)


async def _collect() -> None:
    """On the servers' loop: with the last object of grpc.aio goes what it reads from, and on
    another thread that would go in the midst of a read."""
    gc.collect()


def _serves(node: Node) -> bool:
    try:
        node.machine.require_reader()
    except ChatError:
        return False
    return True
