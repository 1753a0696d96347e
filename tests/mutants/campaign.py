"""Hunts every mutant: python -m tests.mutants.campaign [--minutes M] [--table] [--seeds].

The one that was hunted least gets the next turn. Each hunt is written down after each turn in
build/mutants and is gone on with the next time; a mutant that was found is not hunted again.
`--seconds` is the CPU that one hunt may take at most; `--anew` forgets what was found before.
Ctrl+C ends it early.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pickle
import re
import shutil
import signal
import sys
import time
from contextlib import suppress
from multiprocessing.pool import AsyncResult, Pool
from pathlib import Path
from zlib import crc32

from tests.mutants.hunt import EXPLORER, KINDS, Hunt
from tests.mutants.listed import MUTANTS
from tests.simulation.script import read_script

_FOLDER = Path("build") / "mutants"
_LOOK_S = 0.2


def path_of(mutant: str, kind: str) -> Path:
    """A name of its own, whatever else is listed."""
    words = re.sub(r"\W+", "-", mutant).strip("-")[:60]
    return _FOLDER / kind / f"{words}-{crc32(mutant.encode()):08x}.pickle"


def hunt_of(mutant: str, kind: str) -> Hunt:
    """As it was left, if it was begun."""
    path = path_of(mutant, kind)
    if not path.exists():
        return KINDS[kind](mutant)
    with path.open("rb") as file:
        hunt: Hunt = pickle.load(file)  # noqa: S301  (our own)
    return hunt if hunt.mutant == mutant else KINDS[kind](mutant)


def turn(task: tuple[str, str]) -> tuple[str, float, str]:
    """In a process of its own: the mutant, what was spent on it, what was found."""
    mutant, kind = task
    hunt, path = hunt_of(mutant, kind), path_of(mutant, kind)
    finders = path.parent / "finders"
    finders.mkdir(parents=True, exist_ok=True)
    hunt.turn(read_script(found.read_text("utf-8")) for found in sorted(finders.glob("*.json")))
    if hunt.script is not None:
        (finders / f"{path.stem}.json").write_text(hunt.script.as_json(), "utf-8")
    written = path.with_suffix(".new")
    written.write_bytes(pickle.dumps(hunt))
    written.replace(path)
    return mutant, hunt.total_s, hunt.what if hunt.found_by else ""


class Campaign:
    """Hands out turns until all are found, have had their share, or the time is over."""

    def __init__(self, kind: str, minutes: float, seconds: float, only: str = "") -> None:
        self._kind, self._most_s = kind, seconds
        self._ends = time.monotonic() + minutes * 60
        hunts = [hunt_of(mutant, kind) for mutant in MUTANTS if only in mutant]
        self._open = {hunt.mutant: hunt.total_s for hunt in hunts if not hunt.found_by}

    def run(self, processes: int) -> None:
        pools = multiprocessing.get_context("spawn")
        with pools.Pool(processes, _ignore_interrupts) as pool, suppress(KeyboardInterrupt):
            busy: dict[str, AsyncResult[tuple[str, float, str]]] = {}
            while self._hand_out(pool, busy, processes) or busy:
                self._take_in(busy)

    def _hand_out(
        self, pool: Pool, busy: dict[str, AsyncResult[tuple[str, float, str]]], processes: int
    ) -> bool:
        """False when nothing more is to be begun."""
        waiting = sorted(
            (spent_s, MUTANTS.index(mutant), mutant)
            for mutant, spent_s in self._open.items()
            if mutant not in busy and spent_s < self._most_s
        )
        if time.monotonic() > self._ends:
            return False
        for _, _, mutant in waiting[: processes - len(busy)]:
            busy[mutant] = pool.apply_async(turn, ((mutant, self._kind),))
        return bool(waiting)

    def _take_in(self, busy: dict[str, AsyncResult[tuple[str, float, str]]]) -> None:
        done = [mutant for mutant, result in busy.items() if result.ready()]
        if not done:
            next(iter(busy.values())).wait(_LOOK_S)
        for mutant in done:
            _, spent_s, what = busy.pop(mutant).get()
            self._open[mutant] = spent_s
            if what:
                del self._open[mutant]
            _say(f"{spent_s:6.0f} s  {mutant}: {what[:120] or '-'}\n")


def table(kind: str) -> str:
    """A row for each mutant, and what it comes to."""
    hunts = [hunt_of(mutant, kind) for mutant in MUTANTS]
    rows = ["| mutant | found by | CPU s | runs |", "|--|--|--|--|"]
    rows += [_row(hunt) for hunt in hunts if hunt.total_s]
    found = [hunt for hunt in hunts if hunt.found_by]
    spent_s = sum(hunt.total_s for hunt in hunts)
    rows.append(
        f"\n{len(found)} of {len(hunts)} found in {spent_s / 60:.1f} min of CPU: "
        f"{sum(hunt.found_by == EXPLORER for hunt in found)} by the explorer; "
        f"{sum(hunt.alarms for hunt in hunts)} alarms of scripts that the core as it is fails, too"
    )
    return "\n".join([*rows, ""])


def _row(hunt: Hunt) -> str:
    by = hunt.found_by or "not found"
    runs = hunt.seeds + hunt.changes + hunt.runs
    return f"| {hunt.mutant} | {by} | {max(hunt.total_s, 0.1):.3g} | {runs} |"


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="those whose names hold this")
    parser.add_argument(
        "--seeds", action="store_true", help="nothing but seeds, which learn nothing"
    )
    parser.add_argument("--anew", action="store_true")
    parser.add_argument("--table", action="store_true", help="print it, and hunt nothing")
    options = parser.parse_args(arguments)
    kind = "seeds" if options.seeds else "new"
    if options.anew:
        shutil.rmtree(_FOLDER / kind, ignore_errors=True)
    if not options.table:
        campaign = Campaign(kind, options.minutes, options.seconds, options.only)
        campaign.run(options.processes)
    _say(table(kind))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
