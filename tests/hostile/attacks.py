"""What somebody hostile does to a server for as long as they are let: each a function of where
the server is. `python -m tests.hostile.attacks NAME HOST PORT SECONDS` runs one alone, as a
process of its own, and prints how much of it was tried and taken.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message

from chat import wire
from chat.core.limits import PAGE_SIZE_MAX, TEXT_BYTES_MAX
from chat.rpc import chat_pb2 as pb
from chat.server.peering import CALL_KEY
from tests.faults.seed import token_of
from tests.hostile.http2 import RawConnection, RawStream, framed
from tests.hostile.methods import methods

CHAT: Final = "/chat.v1.ChatService/"
WATCH: Final = "/grpc.health.v1.Health/Watch"
REFLECTION: Final = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
MALLORY: Final = "mallory"
VICTIM: Final = "victim"
# Of a user's data seeded for `take_nothing`: enough large messages for a full page.
LARGE_MESSAGES: Final = PAGE_SIZE_MAX
_PUMP_S: Final = 0.02
_RENEWED_S: Final = 2.0

Metadata = tuple[tuple[str, str], ...]


def credentials(name: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token_of(name)}"),)


def outcome(stream: RawStream) -> str:
    """The reason or status of a call that is over, else that it is not."""
    if stream.details:
        error = wire.error_from_details(stream.details)
        if error is not None:
            return error.reason
    if stream.status is not None:
        return f"status {stream.status}"
    return f"reset {stream.reset}" if stream.reset is not None else "open"


@dataclass(slots=True)
class Attack:
    """Where the server is, and until when to go on; `seen` counts what became of it."""

    host: str
    port: int
    until: float  # time.monotonic()
    seen: Counter[str]

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.until

    def connect(self, **options: bool) -> RawConnection:
        self.seen["connections"] += 1
        return RawConnection(self.host, self.port, **options)

    def settle(self, connection: RawConnection) -> int:
        """Counts the calls that are over, forgets them, and answers how many are not."""
        for number, stream in tuple(connection.streams.items()):
            if stream.over:
                self.seen[outcome(stream)] += 1
                del connection.streams[number]
        return len(connection.streams)


def send_request(size: int = TEXT_BYTES_MAX, letter: str = '"') -> bytes:
    request = pb.SendMessageRequest(
        message_id=str(uuid.uuid4()), recipient=VICTIM, text=letter * size
    )
    return bytes(request.SerializeToString())


def nothing(attack: Attack) -> None:
    """For comparison."""
    time.sleep(max(0.0, attack.until - time.monotonic()))


def take_nothing(attack: Attack) -> None:
    """Asks for the largest pages there are, two hundred at once, and grants no window."""
    request = pb.ReceiveMessagesRequest(contact=VICTIM, page_size=PAGE_SIZE_MAX)
    while not attack.over:
        with attack.connect(takes_answers=False) as connection:
            while not attack.over and not connection.closed:
                while attack.settle(connection) < min(200, connection.streams_allowed or 200):
                    connection.call(
                        CHAT + "ReceiveMessages", request.SerializeToString(), credentials(MALLORY)
                    )
                    attack.seen["calls"] += 1
                connection.pump(_PUMP_S)
            attack.seen["ended by the server"] += connection.closed


def give_up(attack: Attack) -> None:
    """Sends the largest messages on three connections and gives each call up at once."""
    connections = [attack.connect() for _ in range(3)]
    while not attack.over:
        for place, connection in enumerate(connections):
            if connection.closed:
                attack.seen["ended by the server"] += 1
                connections[place] = connection = attack.connect()
            for _ in range(300):
                stream = connection.call(CHAT + "SendMessage", send_request(), credentials(MALLORY))
                connection.flush()
                attack.seen["calls"] += 1
                attack.seen["answered in time"] += stream.over
                connection.give_up(stream)
                if connection.closed or attack.over:
                    break
            connection.pump()
    for connection in connections:
        connection.close()


def flood(attack: Attack) -> None:
    """Sends the largest messages as fast as they go, sixty-four at once."""
    with attack.connect() as connection:
        while not attack.over:
            while attack.settle(connection) < 64:
                connection.call(
                    CHAT + "SendMessage", send_request(letter="x"), credentials(MALLORY)
                )
                attack.seen["calls"] += 1
            connection.pump(_PUMP_S)


def watch(attack: Attack) -> None:
    """Without any credentials, keeps open as many streams as it can: watches of the health, and
    requests that never end."""
    connections: list[RawConnection] = []
    kept = 0
    while not attack.over:
        if len(connections) < 20:
            connections.append(attack.connect(obeys_limits=False))
        for place, connection in enumerate(connections):
            if connection.closed:
                attack.seen["ended by the server"] += 1
                connections[place] = connection = attack.connect(obeys_limits=False)
            for _ in range(min(50, 2_000 - attack.settle(connection))):
                connection.call(WATCH, b"")
                for method in (CHAT + "Login", CHAT + "SendMessage", REFLECTION):
                    connection.send(connection.open(method), framed(b"x" * 100)[:50])
                attack.seen["calls"] += 4
            connection.pump(0.001)
        kept = max(kept, sum(len(connection.streams) for connection in connections))
    attack.seen["kept at once"] = kept
    for connection in connections:
        connection.close()


def guess(attack: Attack) -> None:
    """Tries wrong passwords for the victim's and for other names, sixty-four at once."""
    names = [VICTIM, MALLORY, *(f"somebody{number}" for number in range(50))]
    _keep_busy(
        attack,
        lambda number: (
            CHAT + "Login",
            pb.LoginRequest(username=names[number % len(names)], password=f"guess {number}"),
            (),
        ),
    )


def look_for_people(attack: Attack) -> None:
    """The filters that take longest to match, sixty-four at once."""
    filters = ("*b", "*a" * 30 + "*", "?" * 30 + "*z", "")
    _keep_busy(
        attack,
        lambda number: (
            CHAT + "ListUsers",
            pb.ListUsersRequest(filter=filters[number % len(filters)], page_size=PAGE_SIZE_MAX),
            credentials(MALLORY),
        ),
    )


def call_everything(attack: Attack) -> None:
    """Every method in turn, with an empty request, as a stranger, as a user, and as somebody who
    says that they are a server."""
    paths = sorted(methods())
    claim = f"2 1 {attack.host}:{attack.port} {uuid.uuid4().hex} {'0' * 64}"
    callers = ((), credentials(MALLORY), ((CALL_KEY, claim),))

    def call(number: int) -> tuple[str, Message, Metadata]:
        path = paths[number % len(paths)]
        ends_the_session = path.rpartition("/")[2] in ("Logout", "DeleteAccount")
        caller = () if ends_the_session else callers[number // len(paths) % len(callers)]
        return path, pb.LogoutRequest(), caller

    _keep_busy(attack, call)


def _keep_busy(attack: Attack, call: Callable[[int], tuple[str, Message, Metadata]]) -> None:
    """Makes call 0, 1, 2, ... on one connection, sixty-four at once; what never ends by itself
    makes room for the next after a while."""
    number = 0
    while not attack.over:
        with attack.connect() as connection:
            renewed = time.monotonic() + _RENEWED_S
            while not attack.over and not connection.closed and time.monotonic() < renewed:
                while attack.settle(connection) < 64:
                    path, request, metadata = call(number)
                    connection.call(path, request.SerializeToString(), metadata)
                    attack.seen["calls"] += 1
                    number += 1
                connection.pump(_PUMP_S)
            attack.seen["ended by the server"] += connection.closed


ATTACKS: Final[dict[str, Callable[[Attack], None]]] = {
    "nothing": nothing,
    "take-nothing": take_nothing,
    "give-up": give_up,
    "flood": flood,
    "watch": watch,
    "guess": guess,
    "look-for-people": look_for_people,
    "call-everything": call_everything,
}


def main(name: str, host: str, port: str, seconds: str) -> None:
    attack = Attack(host, int(port), time.monotonic() + float(seconds), Counter())
    try:
        ATTACKS[name](attack)
    finally:
        sys.stdout.write(", ".join(f"{what}: {count}" for what, count in attack.seen.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
