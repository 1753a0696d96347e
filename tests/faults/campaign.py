"""The same faults by the hundred, with figures: python -m tests.faults.campaign NAME --times N.

Every round has people of its own; everything that anybody saw is checked after each round, and
once more at the end. Ends with an error at the first thing that is wrong, and shows the logs.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations, cycle, permutations
from pathlib import Path
from statistics import median

from tests.faults.history import Page, Pair
from tests.faults.nemesis import Nemesis
from tests.faults.network import Network
from tests.faults.people import Crowd, Person
from tests.faults.processes import Servers, until
from tests.faults.real_client import RealClient
from tests.faults.seed import SINK


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def row(what: str, seconds: Sequence[float]) -> str:
    """One line of a table; milliseconds."""
    figures = (median(seconds), quantile(seconds, 0.99), max(seconds))
    numbers = "".join(f"{1000 * figure:10.0f}" for figure in figures)
    return f"{what:44}{len(seconds):8}{numbers}"


HEADING = f"{'milliseconds':44}{'count':>8}{'median':>10}{'99 %':>10}{'longest':>10}"


class Rounds:
    """People for each round, and what they have said in all of them."""

    def __init__(self, times: int, people: int) -> None:
        self._people = people
        self._pages: dict[Pair, tuple[str, str, Page]] = {}
        self.times = times
        self.calls = self.acknowledged = 0
        self.names = [f"r{n}p{p}" for n in range(times) for p in range(people)]

    def of(self, number: int) -> list[str]:
        return self.names[number * self._people : (number + 1) * self._people]

    def finish(self, crowd: Crowd) -> None:
        """Checks what the crowd saw, and remembers it."""
        ops = crowd.finish()
        self.calls += len(ops)
        self.acknowledged += crowd.acknowledged()
        self._pages |= crowd.pages

    def check_again(self, servers: Servers) -> None:
        """Nothing that was said in any round is lost, doubled or changed since."""
        for name, where, page in self._pages.values():
            reader = Person(servers, name, where)
            assert reader.read_all() == page, f"{name} reads another history of {where} now"
            reader.close()
        messages = sum(page.count for _, _, page in self._pages.values())
        say(
            f"{self.calls} calls checked, {self.acknowledged} writes acknowledged, "
            f"{messages} messages there: none lost, none doubled, all in order"
        )


def failover(options: argparse.Namespace, harm: Callable[[Servers], float], down: set[int]) -> None:
    """`harm` hits the servers in `down` and returns when; the others serve, then all return."""
    rounds = Rounds(options.times, options.writers)
    left = sorted({1, 2, 3} - down)
    serves: list[float] = []
    first: list[float] = []
    each: list[float] = []
    real: list[float] = []
    windows = [f"w{n}" for n in range(options.times)]
    with (
        tempfile.TemporaryDirectory() as folder,
        Servers(Path(folder), people=[*rounds.names, *windows]) as servers,
    ):
        servers.start()
        for number in range(options.times):
            servers.wait_until_leads(1, (1, 2, 3))
            with (
                Crowd(servers, rounds.of(number), pause_s=options.pause) as crowd,
                RealClient(servers, Path(folder), windows[number], SINK) as window,
            ):
                crowd.wait_for_each(3)
                at = harm(servers)
                servers.wait_until_leads(left[0])
                serves.append(time.monotonic() - at)
                until(partial(window.sent_after, at), "the window shows that it is sent")
                crowd.wait_for_each(3)
                waits = [crowd.next_success(person, at, down) for person in crowd.people]
                first.append(min(waits))
                each.extend(waits)
                real.append(window.sent_after(at))
                recover(servers, down)
                servers.wait_until_leads(1, (1, 2, 3))
                rounds.finish(crowd)
            say(
                f"{number + 1:4}: serves after {serves[-1]:.3f} s, first client {first[-1]:.3f} s, "
                f"window {real[-1]:.3f} s"
            )
        rounds.check_again(servers)
    say(f"\n{HEADING}")
    say(row(f"server {left[0]} serves", serves))
    say(row("the first client's next success", first))
    say(row("each client's next success", each))
    say(row("a message waits in the real client", real))


def recover(servers: Servers, down: set[int]) -> None:
    for server_id in down:
        if server_id in servers.processes:
            servers.thaw(server_id)
    gone = down - servers.processes.keys()
    if gone:
        servers.start(*gone)


def kill_leader(options: argparse.Namespace) -> None:
    failover(options, lambda servers: servers.kill(1), {1})


def kill_two(options: argparse.Namespace) -> None:
    failover(options, lambda servers: servers.kill(1, 2), {1, 2})


def kill_young(options: argparse.Namespace) -> None:
    """Two die at the very moment that a new view serves: one with two newcomers, let in one
    after the other, and one formed after all had died."""
    rounds = Rounds(options.times, options.writers)
    victims = cycle(combinations((1, 2, 3), 2))
    waits: list[float] = []

    def kill_two_at_once(crowd: Crowd) -> tuple[int, ...]:
        servers.wait_until_leads(1, (1, 2, 3))
        dying = next(victims)
        servers.kill(*dying)
        at = time.monotonic()
        crowd.wait_for_each(2)
        waits.extend(crowd.next_success(person, at, set(dying)) for person in crowd.people)
        return dying

    with (
        tempfile.TemporaryDirectory() as folder,
        Servers(Path(folder), people=rounds.names) as servers,
    ):
        for number in range(options.times):
            servers.start()
            with Crowd(servers, rounds.of(number), pause_s=options.pause) as crowd:
                dead = kill_two_at_once(crowd)
                servers.start(*dead)
                kill_two_at_once(crowd)
                servers.kill(*servers.processes)
                servers.start()
                crowd.wait_for_each(1)
                rounds.finish(crowd)
            say(
                f"{number + 1:4}: the last client waited {max(waits[-2 * options.writers :]):.3f} s"
            )
            servers.kill(*servers.ids)
        servers.start()
        rounds.check_again(servers)
    say(f"\n{HEADING}")
    say(row("each client's next success", waits))


def freeze(options: argparse.Namespace) -> None:
    failover(options, lambda servers: servers.freeze(1), {1})


def mid_write(options: argparse.Namespace) -> None:
    """All servers are killed at a random moment of their work, again and again."""
    generator = random.Random(options.seed)
    rounds = Rounds(max(1, options.times // 10), options.writers)
    starts: list[float] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Servers(Path(folder), options.servers, rounds.names) as servers,
    ):
        servers.start()
        for number in range(rounds.times):
            with Crowd(servers, rounds.of(number), pause_s=0.0) as crowd:
                for _ in range(10):
                    crowd.wait_for_more(options.writers)
                    time.sleep(generator.uniform(0, 0.2))
                    servers.kill(*servers.ids)
                    at = time.monotonic()
                    servers.start()
                    starts.append(time.monotonic() - at)
                rounds.finish(crowd)
            say(f"{len(starts):4} kills, {rounds.acknowledged} writes acknowledged")
        rounds.check_again(servers)
        torn = sum(servers.log(n).count("was torn by a crash") for n in servers.ids)
        journal = sum(path.stat().st_size for path in servers.data.glob("*.journal"))
        state = sum(path.stat().st_size for path in servers.data.glob("*.json"))
    say(f"{torn} torn last lines were cut off; {state} bytes folded, {journal} bytes of journal")
    say(f"\n{HEADING}")
    say(row("start to ready", starts))


def restart_orders(options: argparse.Namespace) -> None:
    """All killed at once, then started in each order, one after the other."""
    orders = list(permutations((1, 2, 3))) * options.times
    rounds = Rounds(len(orders), options.writers)
    with (
        tempfile.TemporaryDirectory() as folder,
        Servers(Path(folder), people=rounds.names) as servers,
    ):
        servers.start()
        for number, order in enumerate(orders):
            with Crowd(servers, rounds.of(number), pause_s=options.pause) as crowd:
                crowd.wait_for_each(3)
                servers.kill(*servers.ids)
                for server_id in order:
                    assert not any(servers.serves(n) for n in servers.processes)
                    servers.start(server_id)
                crowd.wait_for_each(3)
                rounds.finish(crowd)
            say(f"{number + 1:4}: {order}")
        rounds.check_again(servers)


def catch_up(options: argparse.Namespace) -> None:
    """How long sends take while a replacement takes over a large store."""
    names = [f"p{n}" for n in range(options.writers)]
    without: list[float] = []
    during: list[float] = []
    took: list[float] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Servers(Path(folder), people=names, messages=options.messages) as servers,
    ):
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        with Crowd(servers, names, per_second=options.rate / options.writers) as crowd:
            for number in range(options.times):
                at = time.monotonic()
                time.sleep(options.seconds)
                without += crowd.send_times(at)
                lose(servers, 3)
                crowd.wait_for_each(3)
                at = time.monotonic()
                servers.start(3)
                servers.wait_until_leads(1, (1, 2, 3))
                took.append(time.monotonic() - at)
                during += crowd.send_times(at)
                say(f"{number + 1:4}: caught up in {took[-1]:.2f} s")
            crowd.finish()
    say(f"\n{HEADING}")
    say(row(f"a send, {options.rate}/s asked for", without))
    say(row("a send while a replacement catches up", during))
    say(row(f"from start to member, {options.messages} messages", took))
    say(f"at the 99th percentile {quantile(during, 0.99) / quantile(without, 0.99):.1f} times")


def lose(servers: Servers, server_id: int) -> None:
    """The server dies, and its disk with it."""
    servers.kill(server_id)
    for lost in servers.data.glob(f"users_{server_id}.*"):
        lost.unlink()
    servers.wait_until_leads(1, [n for n in servers.ids if n != server_id])


def chaos(options: argparse.Namespace) -> None:
    """Many faults one upon the other; once they end, all must serve together again."""
    rounds = Rounds(options.times, options.writers)
    back: list[float] = []
    periods = {"heartbeat_ms": 100, "out_ms": 500, "vote_ms": 1000}
    with (
        tempfile.TemporaryDirectory() as folder,
        Servers(Path(folder), people=rounds.names, **periods) as servers,
        Network(servers) as network,
    ):
        servers.start()
        for number in range(options.times):
            nemesis = Nemesis(servers, network, options.seed + number)
            with Crowd(servers, rounds.of(number), pause_s=options.pause) as crowd:
                crowd.wait_for_each(1)
                nemesis.harm(options.faults, 0.5)
                at = time.monotonic()
                nemesis.mend()
                try:
                    servers.wait_until_leads(1, servers.ids)
                    back.append(time.monotonic() - at)
                    crowd.wait_for_each(1)
                    rounds.finish(crowd)
                except BaseException:
                    say("\n".join(nemesis.story))
                    raise
            say(f"{number + 1:4}: seed {options.seed + number}, whole after {back[-1]:.2f} s")
        rounds.check_again(servers)
    say(f"\n{HEADING}")
    say(row("from the end of faults to three members", back))


PROGRAMS = {
    "kill-leader": kill_leader,
    "kill-two": kill_two,
    "kill-young": kill_young,
    "freeze": freeze,
    "mid-write": mid_write,
    "restart-orders": restart_orders,
    "catch-up": catch_up,
    "chaos": chaos,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.campaign", description=__doc__)
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--writers", type=int, default=16, help="an even number")
    parser.add_argument("--pause", type=float, default=0.02, help="seconds between two calls")
    parser.add_argument("--servers", type=int, default=3, help="of mid-write")
    parser.add_argument("--seed", type=int, default=1, help="of mid-write and chaos")
    parser.add_argument("--faults", type=int, default=12, help="in each round of chaos")
    parser.add_argument("--messages", type=int, default=100_000, help="in the store of catch-up")
    parser.add_argument("--rate", type=int, default=200, help="sends a second of catch-up")
    parser.add_argument("--seconds", type=float, default=10.0, help="without, in catch-up")
    options = parser.parse_args()
    PROGRAMS[options.program](options)


if __name__ == "__main__":
    main()
