"""`python -m bench [NAME...]`: runs the benchmarks (all of them) and prints their tables."""

from __future__ import annotations

import asyncio
import sys

from bench import window
from bench.idle import idle
from bench.programs import PROGRAMS as LOADS

PROGRAMS = {**LOADS, "idle": idle}
WINDOW = "window"


def main(wanted: list[str]) -> int:
    known = (*PROGRAMS, WINDOW)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        sys.stderr.write(f"No benchmark {unknown[0]!r}; there are: {', '.join(known)}\n")
        return 2
    sys.stdout.write("| what | reach | found |\n|--|--|--|\n")
    for name in wanted or known:
        if name == WINDOW:
            window.main()
            continue
        for row in asyncio.run(PROGRAMS[name]()):
            sys.stdout.write(f"| {row.what} | {row.reach} | {row.found} |\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
