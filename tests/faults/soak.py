"""Servers at work for long, under everything at once: python -m tests.faults.soak --minutes 20.

People write, read, mark and unsend; streams, sign-ins, searches and somebody hostile come and
go; every so often a server is killed, stopped or frozen, and returns. Everything that anybody saw
is checked, and whether memory, threads and descriptors of the servers stay as they are.
"""

from __future__ import annotations

import argparse
import itertools
import random
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from chat.client.leaders import metadata_of
from chat.core.errors import ChatError, ClusterError, Throttled
from chat.rpc import chat_pb2
from tests.faults.campaign import Rounds, say
from tests.faults.people import Crowd
from tests.faults.processes import DEADLINE_S, ROOT, Servers
from tests.faults.seed import SINK, token_of
from tests.faults.steadiness import Sample, faults, picture, sample, summary, write_csv
from tests.hostile.attacks import ATTACKS, MALLORY, VICTIM
from tests.people import PASSWORD

_PEOPLE = 8
_ROUND_S = 30.0
_HARM_S = (15.0, 30.0)
_FROZEN_S = 5.0
_WHOLE_S = 180.0
_SAMPLE_S = 1.0
_ATTACK_S = 3.0
_ATTEMPT_S = 5.0
_VISITORS = tuple(f"visitor{number}" for number in range(4))
_FILES = ("json", "journal")
_TRACE = 4_000  # characters


class Background:
    """Does the same thing again and again on a thread until it is stopped."""

    def __init__(self, name: str, act: Callable[[], None], pause_s: float) -> None:
        self._act, self._pause_s = act, pause_s
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Raises what went wrong."""
        self._stop.set()
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive(), f"{self._thread.name} hangs"
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._pause_s):
                self._act()
        except BaseException as error:
            self._failure = error


class Visitors:
    """What people do who are not in a conversation; `done` counts what succeeded and what
    the cluster said instead."""

    def __init__(self, servers: Servers, seed: int) -> None:
        self._servers = servers
        self._leaders = servers.leaders()
        self._random = random.Random(seed)
        self._name = f"guest{uuid.uuid4().hex[:8]}"
        self._token = ""
        self.done: Counter[str] = Counter()

    def close(self) -> None:
        self._leaders.close()

    def _try(self, what: str, method: str, request: Any, token: str = "") -> Any:
        try:
            answer = self._leaders.call(method, request, token, _ATTEMPT_S)
        except (ClusterError, Throttled) as error:
            self.done[f"{what}: {error.reason}"] += 1
            return None
        self.done[what] += 1
        return answer

    def sign_in_and_out(self) -> None:
        if self._token:
            self._try("signed out", "Logout", chat_pb2.LogoutRequest(), self._token)
            self._token = ""
            return
        login = chat_pb2.LoginRequest(username=self._name, password=PASSWORD)
        try:
            answer = self._try("signed in", "Login", login)
        except ChatError:  # nobody of this name yet: what was said of it may have been lost
            register = chat_pb2.RegisterRequest(username=self._name, password=PASSWORD)
            self._try("registered", "Register", register)
            return
        self._token = answer.token if answer is not None else ""

    def search(self) -> None:
        pattern = self._random.choice(("*", "*p1*", "r?p*", "*a*a*a*b", "nobody"))
        request = chat_pb2.ListUsersRequest(filter=pattern)
        self._try("searched", "ListUsers", request, token_of(SINK))

    def follow_for_a_while(self) -> None:
        """A stream that is given up in the middle."""
        leader = self._leaders.current or self._leaders.find().leader
        if leader is None:
            return
        name = self._random.choice(_VISITORS)
        call = self._leaders.stub(leader.address).Subscribe(
            chat_pb2.SubscribeRequest(),
            metadata=metadata_of(token_of(name)),
            timeout=self._random.uniform(0.5, 4.0),
        )
        try:
            for _ in call:
                pass
        except grpc.RpcError as error:
            late = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            self.done["streams given up" if late else "streams broken"] += 1
            if not late:
                self._leaders.forget(leader)

    def attack(self) -> None:
        leader = self._leaders.current or self._leaders.find().leader
        if leader is None:
            return
        name = self._random.choice(sorted(ATTACKS))
        host, port = leader.address.split(":")
        command = [sys.executable, "-m", "tests.hostile.attacks", name, host, port, str(_ATTACK_S)]
        ended = subprocess.run(
            command,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=DEADLINE_S,
            check=False,
        )
        self.done[f"attack {name}" + (" broken off" if ended.returncode else "")] += 1


class Harm:
    """One fault at a time, mended at once. In each third of the run another server lives on,
    at most frozen: what only a long life shows would show in it."""

    def __init__(self, servers: Servers, seed: int, began: float, seconds: float) -> None:
        self._servers = servers
        self._random = random.Random(seed)
        self._began, self._seconds = began, seconds
        self.story: list[tuple[float, str]] = []

    def spared(self, at_s: float) -> int:
        third = min(2, int(3 * at_s / self._seconds))
        return (2, 1, 3)[third]

    def strike(self) -> None:
        at_s = time.monotonic() - self._began
        server_id = self._random.choice(self._servers.ids)
        acts = [self._freeze]
        if server_id != self.spared(at_s):
            acts += [self._kill, self._end]
        act = self._random.choice(acts)
        self.story.append((at_s, f"{act.__name__[1:]} {server_id}"))
        act(server_id)
        self._servers.wait_until_leads(1, self._servers.ids, _WHOLE_S)

    def _kill(self, server_id: int) -> None:
        self._servers.kill(server_id)
        self._servers.start(server_id)

    def _end(self, server_id: int) -> None:
        status = self._servers.end(server_id)
        assert status == 0, f"server {server_id} ended with {status}"
        self._servers.start(server_id)

    def _freeze(self, server_id: int) -> None:
        self._servers.freeze(server_id)
        time.sleep(self._random.uniform(0.2, _FROZEN_S))
        self._servers.thaw(server_id)


class Soak:
    """The run; `samples` and `harm` stay for who looks at them afterwards."""

    def __init__(self, folder: Path, seconds: float, seed: int) -> None:
        self._random = random.Random(seed)
        self._seconds = seconds
        self._rounds = Rounds(1 + int(seconds / _ROUND_S), _PEOPLE)
        self._stored = 0
        self.samples: list[Sample] = []
        people = (*self._rounds.names, *_VISITORS, MALLORY, VICTIM)
        self._servers = Servers(folder, people=people)
        self._visitors = Visitors(self._servers, seed)
        self._began = time.monotonic()
        self.harm = Harm(self._servers, seed, self._began, seconds)

    def run(self) -> None:
        with self._servers:
            self._servers.start()
            self._servers.wait_until_leads(1, self._servers.ids)
            visitors = self._visitors
            background = [
                Background("samples", self._sample, _SAMPLE_S),
                Background("sign-ins", visitors.sign_in_and_out, 2.0),
                Background("searches", visitors.search, 0.2),
                Background("streams", visitors.follow_for_a_while, 0.1),
                Background("attacks", visitors.attack, 20.0),
            ]
            for one in background:
                one.start()
            try:
                for number in itertools.count():
                    self._round(number)
                    if time.monotonic() >= self._began + self._seconds:
                        break
            finally:
                for one in background:
                    one.stop()
                visitors.close()
            self._servers.wait_until_leads(1, self._servers.ids)
            self._rounds.check_again(self._servers)
            for server_id in self._servers.ids:
                log = self._servers.log(server_id)
                _, trace, rest = log.partition("Traceback")
                said = f"server {server_id} has logged a stack trace: {trace}{rest[:_TRACE]}"
                assert not trace, said
        what = ", ".join(f"{what} {count}" for what, count in sorted(visitors.done.items()))
        say(f"beside them: {what}")

    def _round(self, number: int) -> None:
        """Other people each time: the check of a history takes longer than a long one lasts."""
        end = min(time.monotonic() + _ROUND_S, self._began + self._seconds)
        with Crowd(self._servers, self._rounds.of(number), pause_s=0.05) as crowd:
            while time.monotonic() < end:
                time.sleep(min(self._random.uniform(*_HARM_S), max(0.0, end - time.monotonic())))
                self.harm.strike()
            crowd.wait_for_each(1)
            self._stored += crowd.acknowledged()
            self._rounds.finish(crowd)
        at_s, last = self.harm.story[-1]
        say(f"{time.monotonic() - self._began:6.0f} s: {self._stored} writes; {last} at {at_s:.0f}")

    def _sample(self) -> None:
        at_s = time.monotonic() - self._began
        for server_id, process in tuple(self._servers.processes.items()):
            files = [self._servers.data / f"users_{server_id}.{kind}" for kind in _FILES]
            found = sample(at_s, server_id, process.pid, files)
            if found is not None:
                self.samples.append(found)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", type=Path, help="where the SVG goes")
    parser.add_argument("--csv", type=Path, help="where the samples go")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), 60 * options.minutes, options.seed)
        try:
            soak.run()
        finally:
            if options.csv and soak.samples:
                options.csv.parent.mkdir(parents=True, exist_ok=True)
                write_csv(options.csv, soak.samples)
            if options.picture and soak.samples:
                options.picture.write_text(picture(soak.samples, soak.harm.story), encoding="utf-8")
    found = faults(soak.samples)
    say(summary(soak.samples))
    kinds = Counter(what.split()[0] for _, what in soak.harm.story)
    say(", ".join(f"{count} times {kind}" for kind, count in sorted(kinds.items())))
    say("\n".join(found) or "memory, threads and descriptors stay as they are")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
