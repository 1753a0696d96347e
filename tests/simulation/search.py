"""Search: scripts that showed something new are changed and run again, and others are drawn.

    python -m tests.simulation.search [--runs N] [--first S] [--replay FILE]

Each run that a promise is broken in is written to build/violations, with the command that
replays it. Ctrl+C ends it early.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.simulation.author import Author
from tests.simulation.branches import watched
from tests.simulation.coverage import Coverage
from tests.simulation.guided import follow
from tests.simulation.oracle import Violation
from tests.simulation.script import Script, read_script

_CORPUS_MAX = 400
_CHUNK = 40
_FOLDER = Path("build") / "violations"


@dataclass(frozen=True, slots=True)
class Find:
    """A script, and the features that no script before it had shown."""

    script: Script
    news: frozenset[int]


@dataclass(frozen=True, slots=True)
class Failure:
    script: Script
    sentence: str  # what was broken, after the end of the transcript


class Search:
    """In one process; a seed and the finds that it begins with give the same search again."""

    def __init__(self, seed: int, finds: Iterable[Find] = ()) -> None:
        self.branches = bytearray()  # those that `watched` marks, if it does
        self._random = Random(seed)
        self._author = Author(self._random)
        self._corpus: list[Find] = list(finds)
        self._offered: deque[Script] = deque()
        self._tried: set[str] = set()  # of what was offered
        self.features = {feature for find in self._corpus for feature in find.news}
        self.found: list[Find] = []
        self.counts: Counter[str] = Counter()
        self.recovery_s = 0.0

    def offer(self, scripts: Iterable[Script]) -> None:
        """They are run before others are, each once."""
        for script in scripts:
            if script.as_json() not in self._tried:
                self._tried.add(script.as_json())
                self._offered.append(script)

    def step(self) -> Failure | None:
        """One run."""
        script, coverage = self._next(), Coverage(self.branches)
        try:
            cluster = follow(script, coverage)
        except Violation as error:
            return Failure(script, str(error))
        self.counts += cluster.world.counts + cluster.oracle.counts
        self.recovery_s = max(self.recovery_s, cluster.recovery_s)
        self._learn(script, coverage)
        return None

    def _learn(self, script: Script, coverage: Coverage) -> None:
        news = frozenset(coverage.features - self.features)
        if news:
            find = Find(script, news)
            self.features |= news
            self.found.append(find)
            self._corpus.append(find)
            if len(self._corpus) > _CORPUS_MAX:
                self._corpus.remove(min(self._corpus, key=lambda one: len(one.news)))

    def _next(self) -> Script:
        """The more a script has shown that was new, the likelier it is changed."""
        random = self._random
        if self._offered:
            return self._offered.popleft()
        if len(self._corpus) < 10 or random.random() < 0.4:
            return self._author.draw()
        weights = [len(find.news) ** 0.5 for find in self._corpus]
        parent, other = random.choices(self._corpus, weights, k=2)
        return self._author.changed(parent.script, other.script)


# --- many processes ------------------------------------------------------------------


@dataclass
class Tally:
    """What a number of runs came to."""

    runs: int = 0
    failures: list[Failure] = field(default_factory=list)
    finds: list[Find] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    recovery_s: float = 0.0

    def add(self, other: Tally) -> None:
        self.runs += other.runs
        self.failures += other.failures
        self.counts += other.counts
        self.recovery_s = max(self.recovery_s, other.recovery_s)


def run_chunk(task: tuple[int, int, list[Find]]) -> Tally:
    """So many runs of a search of this seed, which begins with what others have found."""
    seed, runs, finds = task
    search, tally = Search(seed, finds), Tally(runs)
    with watched() as search.branches:
        for _ in range(runs):
            failure = search.step()
            if failure is not None:
                tally.failures.append(failure)
    tally.finds, tally.counts, tally.recovery_s = search.found, search.counts, search.recovery_s
    return tally


class Campaign:
    """Hands out chunks, and to each of them what was found in all that have ended."""

    def __init__(self, runs: int, first: int, processes: int) -> None:
        self._runs, self._first, self._processes = runs, first, processes
        self.total = Tally()
        self._features: set[int] = set()
        self._finds: list[Find] = []
        self._began = time.monotonic()

    def run(self) -> None:
        """Ctrl+C ends it; what was done so far is summed up."""
        pools = multiprocessing.get_context("spawn")
        sizes = [min(_CHUNK, self._runs - at) for at in range(0, self._runs, _CHUNK)]
        with pools.Pool(self._processes, _ignore_interrupts) as pool, suppress(KeyboardInterrupt):
            at = 0
            while at < len(sizes):
                together = sizes[at : at + self._processes]
                seeds = itertools.count(self._first + at)
                tasks = [(next(seeds), size, self._finds) for size in together]
                for tally in pool.imap_unordered(run_chunk, tasks):
                    self._take(tally)
                at += len(together)

    def _take(self, tally: Tally) -> None:
        self.total.add(tally)
        for failure in tally.failures:
            _say(f"\n{failure.sentence}\nreplay it: {written(failure)}\n\n")
        for find in tally.finds:
            news = find.news - self._features
            if news:
                self._features |= news
                self._finds.append(Find(find.script, frozenset(news)))
        self._finds = sorted(self._finds, key=lambda one: -len(one.news))[:_CORPUS_MAX]
        end = "\r" if sys.stdout.isatty() and self.total.runs < self._runs else "\n"
        _say(f"{self.total.runs} of {self._runs} runs, {len(self._features)} features, "
             f"{len(self.total.failures)} violations{end}")  # fmt: skip

    def summary(self) -> str:
        total, took_s = self.total, time.monotonic() - self._began
        lines = [f"{count:>14,}  {kind}" for kind, count in sorted(total.counts.items())]
        head = f"{total.runs} runs in {took_s:.0f} s, {len(total.failures)} violations"
        slowest = (
            f"the slowest cluster took {total.recovery_s:.1f} s from the last fault to a write"
        )
        return "\n".join(["", head, slowest, *lines, ""])


def written(failure: Failure) -> str:
    """The command that replays it."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    path = _FOLDER / f"{failure.script.seed}.json"
    path.write_text(failure.script.as_json(), encoding="utf-8")
    return f"python -m tests.simulation.search --replay {path}"


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _replay(path: Path) -> int:
    try:
        follow(read_script(path.read_text(encoding="utf-8")))
    except Violation as error:
        _say(f"{error}\n")
        return 1
    _say("no promise is broken\n")
    return 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first chunk")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", type=Path)
    options = parser.parse_args(arguments)
    if options.replay is not None:
        return _replay(options.replay)
    campaign = Campaign(options.runs, options.first, options.processes)
    campaign.run()
    _say(campaign.summary())
    return 1 if campaign.total.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
