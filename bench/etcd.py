"""etcd beside this product: three members each, on the same disk, called by the same client.

Both acknowledge what is synced at a majority (etcd) or at every member (here) of three. Each
write is about as long in both: a key of 36 characters, and a message's text. Between them stand an
echo, and the least that a durable send can be, both in Python (`floor.py`): what can be reached.
"""

from __future__ import annotations

import shutil
import time
import urllib.request
import uuid
from collections.abc import Sequence
from typing import Any, Final

from grpc import aio

from bench.load import Call, Measured, Pace, hammer, in_turn, medians_ms, rates
from bench.plot import plot
from bench.populate import TEXT
from bench.process import spent_s
from bench.row import Row
from bench.sending import PEOPLE, of, sender
from bench.servers import READY_S, ROOT, Data, Floor, Programs, Servers, free_ports
from bench.spread import Spread, ratio

MISSING: Final = "not measured: etcd is not installed (Debian: apt-get install etcd-server)"
# The first is told as a row, as are 16 and 1; all are in the plot.
IN_FLIGHT: Final = (64, 32, 16, 8, 4, 2, 1)
_TOLD: Final = (64, 16)
PICTURE: Final = ROOT / "build" / "etcd.svg"
_LOOK_S: Final = 0.05
# Of the floors, the one that is the best at 64 in flight (`make bench BENCH=sends`).
_WAY: Final = "gated"
_LEADS: Final = b"\netcd_server_is_leader 1\n"


class Etcd(Programs):
    """Three members with the settings that they come with. FileNotFoundError where there is no
    etcd on this computer."""

    def __init__(self) -> None:
        super().__init__()
        program = shutil.which("etcd")
        if program is None:
            raise FileNotFoundError(MISSING)
        ports = free_ports(6)
        self._clients = [f"http://127.0.0.1:{port}" for port in ports[:3]]
        peers = [f"http://127.0.0.1:{port}" for port in ports[3:]]
        cluster = ",".join(f"m{number}={at}" for number, at in enumerate(peers))
        for number, (client, peer) in enumerate(zip(self._clients, peers, strict=True)):
            options = {
                "name": f"m{number}",
                "data-dir": str(self.folder / f"m{number}"),
                "listen-client-urls": client,
                "advertise-client-urls": client,
                "listen-peer-urls": peer,
                "initial-advertise-peer-urls": peer,
                "initial-cluster": cluster,
                "logger": "zap",
                "log-level": "error",
            }
            self.start([program, *(f"--{name}={value}" for name, value in options.items())])

    def leader(self) -> str:
        """Its address, once there is one."""
        end = time.perf_counter() + READY_S
        while time.perf_counter() < end:
            for client in self._clients:
                if _says(client, _LEADS):
                    return client.removeprefix("http://")
            time.sleep(_LOOK_S)
        raise TimeoutError("No member of etcd leads:\n" + self.said())

    def caller(self) -> Call:
        """Puts a new key each time, at the leader."""
        channel = aio.insecure_channel(self.leader())
        put: Any = channel.unary_unary("/etcdserverpb.KV/Put")
        value = _field(2, TEXT.encode())

        async def call() -> None:
            await put(_field(1, str(uuid.uuid4()).encode()) + value)

        return call


def _says(client: str, line: bytes) -> bool:
    try:
        with urllib.request.urlopen(f"{client}/metrics", timeout=1) as answer:  # noqa: S310
            return line in answer.read()
    except OSError:
        return False


def _field(number: int, data: bytes) -> bytes:
    """Of a protobuf message, of bytes of at most 16,383."""
    low, high = len(data) & 0x7F, len(data) >> 7
    length = bytes((low | 0x80, high)) if high else bytes((low,))
    return bytes((number << 3 | 2,)) + length + data


async def etcd(pace: Pace) -> list[Row]:
    """Durable writes of both in turn, and what one costs; a plot of the rates is in build/."""
    if shutil.which("etcd") is None:
        return [Row("writes/s beside etcd", "–", MISSING)]
    with Etcd() as theirs, Servers(Data(PEOPLE)) as ours, Floor("") as bare, Floor(_WAY) as floor:
        calls = [
            theirs.caller(), sender(ours.launched(), ours.stub()),
            await bare.caller(), await floor.caller(),
        ]  # fmt: skip
        found = [(count, await in_turn(calls, count, pace)) for count in IN_FLIGHT]
        rows = [
            row
            for count, (put, sent, echoed, least) in found
            if count in _TOLD
            for row in (
                Row(f"sends/s, {count} in flight, of etcd's puts", "1", of(sent, put)),
                Row("an echo in Python instead, that stores nothing", "–", of(echoed, put)),
                Row("the least that a durable send in Python can be", "–", of(least, put)),
            )
        ]
        put, sent, *_ = found[-1][1]
        _draw(found)
        return [*rows, _alone(put, sent), await _effort(theirs, ours, calls, pace)]


def _draw(found: Sequence[tuple[int, list[list[Measured]]]]) -> None:
    lines = {
        name: [(count, Spread.of(rates(both[side]))) for count, both in reversed(found)]
        for side, name in enumerate(("etcd", "this chat", "an echo in Python"))
    }
    PICTURE.parent.mkdir(exist_ok=True)
    title = "durable writes a second, three members on one computer"
    PICTURE.write_text(plot(title, "in flight", lines), encoding="utf-8")


def _alone(put: Sequence[Measured], sent: Sequence[Measured]) -> Row:
    return Row(
        "one send alone, median, of one put of etcd's",
        "at most 1.3",
        f"{ratio(medians_ms(sent), medians_ms(put)).text(2)}:"
        f" {Spread.of(medians_ms(sent)).text(1)} of {Spread.of(medians_ms(put)).text(1)} ms",
    )


async def _effort(theirs: Etcd, ours: Servers, calls: Sequence[Call], pace: Pace) -> Row:
    """Processor time of all three servers."""
    spent: list[list[float]] = [[], []]
    for _ in range(pace.rounds):
        for found, call, programs in zip(spent, calls[:2], (theirs, ours), strict=True):
            before = _of_all(programs)
            done = await hammer(call, IN_FLIGHT[0], pace.seconds, warm_up_s=0.0)
            found.append(1e6 * (_of_all(programs) - before) / len(done.latencies_s))
    puts, sends = (Spread.of(each) for each in spent)
    what = f"processor time of all servers, {IN_FLIGHT[0]} in flight: a send, of a put of etcd's"
    return Row(
        what, "–", f"{ratio(spent[1], spent[0]).text(2)}: {sends.text()} of {puts.text()} µs"
    )


def _of_all(programs: Programs) -> float:
    return sum(spent_s(child.pid) for child in programs.children)
