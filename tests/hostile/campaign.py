"""Attacks on real servers, with figures: python -m tests.hostile.campaign [NAME...] --seconds N.

Beside each attack honest people send, twenty messages a second; their latencies and the leader's
memory are what counts. Ends with an error where an honest send fails, is late, or the leader
needs too much memory.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import grpc
from grpc import aio

from bench.load import paced
from chat.core.limits import TEXT_BYTES_MAX
from chat.rpc import chat_pb2 as pb
from chat.rpc.chat_pb2_grpc import ChatServiceStub
from tests.faults.processes import ROOT, Servers
from tests.hostile.attacks import ATTACKS, LARGE_MESSAGES, MALLORY, VICTIM, credentials
from tests.people import reason

HONEST: Final = tuple(f"honest{number}" for number in range(5))
SENDS_PER_SECOND: Final = 20.0
LATE_MS: Final = 100.0
MEMORY_MIB_MAX: Final = 300.0
_SEND_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Found:
    """Latencies in milliseconds, memory in MiB (resident, at most, and at the end)."""

    median_ms: float
    p99_ms: float
    longest_ms: float
    refused: Counter[str]
    memory_before: float
    memory_most: float
    memory_after: float
    attacker: str

    @property
    def faults(self) -> list[str]:
        found = [f"{count} honest sends failed: {why}" for why, count in self.refused.items()]
        if self.p99_ms > LATE_MS:
            found.append(f"99 % of the honest sends took up to {self.p99_ms:.0f} ms")
        if self.memory_most > MEMORY_MIB_MAX:
            found.append(f"the leader took {self.memory_most:.0f} MiB")
        return found


HEADING: Final = (
    f"{'beside the attack':20}{'median':>8}{'99 %':>8}{'longest':>9} ms"
    f"{'before':>9}{'most':>7}{'after':>7} MiB"
)


def row(name: str, found: Found) -> str:
    memory = (found.memory_before, found.memory_most, found.memory_after)
    latencies = f"{found.median_ms:8.1f}{found.p99_ms:8.1f}{found.longest_ms:9.1f}"
    return f"{name:20}{latencies}   {memory[0]:9.0f}{memory[1]:7.0f}{memory[2]:7.0f}"


def memory_mib(pid: int) -> float:
    """Resident (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(each for each in status.splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@contextmanager
def watched_memory(pid: int) -> Iterator[list[float]]:
    """Samples, twenty a second, for as long as the process lives."""
    samples = [memory_mib(pid)]
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.05):
            try:
                samples.append(memory_mib(pid))
            except (OSError, StopIteration):
                return

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()


def prepare(servers: Servers) -> None:
    """A conversation of large messages for whoever wants to read them."""
    stub = servers.stub(1)
    for number in range(LARGE_MESSAGES):
        request = pb.SendMessageRequest(
            message_id=str(uuid.uuid4()),
            recipient=VICTIM,
            text=f"{number:x}" * (TEXT_BYTES_MAX // 2),
        )
        stub.SendMessage(request, metadata=credentials(MALLORY), timeout=_SEND_TIMEOUT_S)


async def honest(address: str, seconds: float) -> tuple[Any, Counter[str]]:
    """People who send to each other; how long each send took, and which failed."""
    channels = [
        aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) for _ in HONEST
    ]
    pairs = list(pairwise((*HONEST, HONEST[0])))
    stubs: list[Any] = [ChatServiceStub(channel) for channel in channels]
    refused: Counter[str] = Counter()
    sent = 0

    async def send() -> None:
        nonlocal sent
        sent += 1
        sender, recipient = pairs[sent % len(pairs)]
        request = pb.SendMessageRequest(
            message_id=str(uuid.uuid4()), recipient=recipient, text=f"message {sent}"
        )
        try:
            await stubs[sent % len(stubs)].SendMessage(
                request, metadata=credentials(sender), timeout=_SEND_TIMEOUT_S
            )
        except grpc.RpcError as error:
            refused[reason(error)] += 1

    for _ in HONEST:
        await send()
    measured = await paced(send, SENDS_PER_SECOND, seconds)
    for channel in channels:
        await channel.close()
    return measured, refused


def run(name: str, seconds: float, **config: Any) -> Found:
    """`config`: other options of config.json."""
    people = (*HONEST, MALLORY, VICTIM)
    with (
        tempfile.TemporaryDirectory() as folder,
        Servers(Path(folder), people=people, **config) as servers,
    ):
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        prepare(servers)
        host, port = servers.addresses[1].split(":")
        command = [sys.executable, "-m", "tests.hostile.attacks", name, host, port, str(seconds)]
        with watched_memory(servers.processes[1].pid) as samples:
            before = samples[-1]
            attacker = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
            measured, refused = asyncio.run(honest(servers.addresses[1], seconds))
            said, _ = attacker.communicate(timeout=seconds + 30)
            time.sleep(1.0)  # what the attacker held is let go of
        assert servers.serves(1, (1, 2, 3)), "the leader serves no longer"
        median, p99, longest = (measured.quantile_ms(share) for share in (0.5, 0.99, 1.0))
        return Found(median, p99, longest, refused, before, max(samples), samples[-1], said)


def main(names: Iterable[str], seconds: float) -> int:
    faults: list[str] = []
    sys.stdout.write(HEADING + "\n")
    for name in names:
        found = run(name, seconds)
        faults += [f"{name}: {fault}" for fault in found.faults]
        sys.stdout.write(f"{row(name, found)}\n    {found.attacker}\n")
        sys.stdout.flush()
    sys.stdout.write("".join(f"{fault}\n" for fault in faults) or "nothing is wrong\n")
    return bool(faults)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.campaign", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *ATTACKS], metavar="NAME")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    sys.exit(main(options.names or list(ATTACKS), options.seconds))
