"""Live streams in a process of their own, a connection each, as clients have them.

`python -m bench.audience ADDRESS STREAMS PER_USER [rooms]` says how many there are once all are,
and once its standard input ends how many of them still live.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import time
from types import TracebackType
from typing import Any

import grpc
from grpc import aio

from bench import populate
from bench.servers import Servers, metadata
from chat.rpc import chat_pb2 as pb
from chat.rpc.chat_pb2_grpc import ChatServiceStub

_AT_ONCE = 20
_AGAIN_S = 0.5
_CONNECT_S = 60.0
# They notice within 3 s that the leader's computer is gone, and so are patient.
_PATIENT = (
    ("grpc.http2.bdp_probe", 0),
    ("grpc.keepalive_time_ms", 1_500),
    ("grpc.keepalive_timeout_ms", 1_500),
    ("grpc.http2.max_pings_without_data", 0),
)


class Audience:
    """`count` streams at the leader, `per_user` of each user's devices, with events of `rooms` or
    without; a context manager."""

    def __init__(
        self, servers: Servers, count: int, per_user: int = 1, rooms: bool = False
    ) -> None:
        address = servers.addresses[servers.wait_for_leader()]
        command = [sys.executable, "-m", "bench.audience", address, str(count), str(per_user)]
        command += ["rooms"] if rooms else []
        self._child: subprocess.Popen[bytes] = servers.start(command, pipes=True)
        self.alive = self._hear()

    def __enter__(self) -> Audience:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self.alive = self._hear()
        self._child.wait()

    def _hear(self) -> int:
        assert self._child.stdout is not None
        return int(self._child.stdout.readline() or 0)


async def follow(address: str, name: str, device: int, rooms: bool, gate: asyncio.Semaphore) -> Any:
    """The call, once the server has answered it. As a client does, it asks again while the leader
    is too busy with those who have just come to hear the other servers."""
    options = (("grpc.use_local_subchannel_pool", 1), *_PATIENT)
    stub: Any = ChatServiceStub(aio.insecure_channel(address, options=options))
    request = pb.SubscribeRequest(rooms=rooms, bundles=True, patient=True)
    async with gate:
        end = time.monotonic() + _CONNECT_S
        while True:
            call = stub.Subscribe(request, metadata=metadata(name, device))
            try:
                await asyncio.wait_for(call.read(), _CONNECT_S)
            except aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() > end:
                    raise
                await asyncio.sleep(_AGAIN_S)
            else:
                return call


async def main(address: str, count: int, per_user: int, rooms: bool) -> None:
    names = populate.names(-(-count // per_user))
    gate = asyncio.Semaphore(_AT_ONCE)
    calls = await asyncio.gather(
        *(follow(address, names[n // per_user], n % per_user, rooms, gate) for n in range(count))
    )

    async def read(call: Any) -> None:
        """To the end. (Where the first one was read, `async for` is an error.)"""
        while await call.read() is not aio.EOF:
            pass

    reading = [asyncio.create_task(read(call)) for call in calls]
    say(len(calls))
    await asyncio.to_thread(sys.stdin.read)
    say(sum(not task.done() for task in reading))
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)


def say(count: int) -> None:
    sys.stdout.write(f"{count}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), "rooms" in sys.argv))
