"""Explores: python -m tests.explore.campaign [--depth N] [--minutes M] [--job NAME].

`--without RULE` removes a rule first. Each job is gone on with from where it was ended before, as
it is written down after a minute and at the end; `--anew` forgets that. Prints what each came to,
and for a breach a shortest trace to it.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.explore.crew import Crew, forget
from tests.explore.jobs import DEEP, JOBS, Job
from tests.explore.search import BREACHES, Breach, Figures, replay
from tests.simulation.mutations import MUTATIONS

_FOLDER = Path("build") / "explore"


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    jobs = [JOBS[options.job]] if options.job else list(DEEP.values())
    breaches = 0
    for job in jobs:
        if options.without:
            job = replace(
                job, name=f"{job.name}, without {options.without}", without=options.without
            )
        folder = _FOLDER / re.sub(r"\W+", "-", job.name)
        if options.anew:
            forget(folder)
        began = time.monotonic()
        with Crew(job, options.processes, folder) as crew:
            figures, breach = crew.explore(options.depth, options.minutes * 60)
        _say(_summary(job, figures, time.monotonic() - began))
        if breach is not None:
            breaches += 1
            _say(_story(job, breach))
    return 1 if breaches else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depth", type=int, default=10**6, help="actions from the start")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each job")
    parser.add_argument("--job", choices=sorted(JOBS), help="only this one")
    parser.add_argument("--without", choices=sorted(MUTATIONS), help="a rule that does not hold")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--anew", action="store_true", help="forget what was explored before")
    return parser.parse_args(arguments)


def _summary(job: Job, figures: Figures, took_s: float) -> str:
    end = "all of it" if figures.whole else "not all"
    return (
        f"{job.name}: {end}; {figures.states:,} states, {figures.steps:,} steps, "
        f"depth {figures.depth}, {took_s:.0f} s\n"
    )


def _story(job: Job, breach: Breach) -> str:
    """The trace once more, told as it is replayed."""
    told: list[str] = []
    with job.begin() as (machine, start):
        try:
            replay(machine, start, breach.trace, told)
        except BREACHES:
            return "\n".join((*told, breach.what, f"the trace: {breach.trace}\n"))
    return f"the trace breaks nothing when it is replayed: {breach.trace}\n"


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
