"""Runs many seeds on all cores: python -m tests.simulation.campaign [--seeds N] [--first S].

With --changes people change the configuration meanwhile. Prints each seed that breaks a promise
with the end of its transcript and the command that replays it, and in the end what went wrong in
the simulated worlds, by kind. Ctrl+C ends it early.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from tests.simulation.changing import Changing
from tests.simulation.oracle import Violation
from tests.simulation.simulation import Simulation, replay

_BAR = 30
_CHUNK = 20


@dataclass
class Tally:
    """What a number of seeds came to."""

    seeds: int = 0
    failures: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    recovery_s: float = 0.0

    def add(self, other: Tally) -> None:
        self.seeds += other.seeds
        self.failures += other.failures
        self.counts += other.counts
        self.recovery_s = max(self.recovery_s, other.recovery_s)


def run_seeds(seeds: range, kind: type[Simulation] = Simulation) -> Tally:
    """In one process, one after the other."""
    tally = Tally()
    for seed in seeds:
        tally.seeds += 1
        try:
            simulation = replay(seed, kind)
        except Violation as error:
            changes = " --changes" if kind is Changing else ""
            tally.failures.append(
                f"{error}\nreplay it: python -m tests.simulation.campaign{changes} "
                f"--first {seed} --seeds 1"
            )
        else:
            tally.counts += simulation.world.counts + simulation.oracle.counts
            tally.recovery_s = max(tally.recovery_s, simulation.recovery_s)
    return tally


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--changes", action="store_true", help="also of the configuration")
    options = parser.parse_args(arguments)
    run_all = partial(run_seeds, kind=Changing if options.changes else Simulation)
    end = options.first + options.seeds
    chunks = [range(at, min(at + _CHUNK, end)) for at in range(options.first, end, _CHUNK)]
    total, began = Tally(), time.monotonic()
    # A child of its own kind: a forked one would inherit whatever threads there are.
    pools = multiprocessing.get_context("spawn")
    with (
        pools.Pool(options.processes, _leave_interrupts_to_the_parent) as pool,
        suppress(KeyboardInterrupt),  # what was done so far is summed up
    ):
        for tally in pool.imap_unordered(run_all, chunks):
            total.add(tally)
            for failure in tally.failures:
                _say(f"\r{failure}\n\n")
            _say(_bar(total.seeds - tally.seeds, total.seeds, options.seeds, len(total.failures)))
    _say(_summary(total, time.monotonic() - began))
    return 1 if total.failures else 0


def _bar(before: int, done: int, seeds: int, failures: int) -> str:
    """Redrawn in place on a screen; in a file a line for each part that it grows."""
    filled = _BAR * done // seeds
    if not sys.stdout.isatty() and filled == _BAR * before // seeds:
        return ""
    end = "\r" if sys.stdout.isatty() and done < seeds else "\n"
    return f"[{'#' * filled:{_BAR}}] {done} of {seeds} seeds, {failures} violations{end}"


def _summary(total: Tally, took_s: float) -> str:
    lines = [f"{count:>14,}  {kind}" for kind, count in sorted(total.counts.items())]
    head = f"{total.seeds} seeds in {took_s:.0f} s, {len(total.failures)} violations"
    slowest = f"the slowest cluster took {total.recovery_s:.1f} s from the last fault to a write"
    return "\n".join(["", head, slowest, *lines, ""])


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
