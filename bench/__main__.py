"""`python -m bench [NAME...]`: runs the benchmarks (all of them) and prints their tables."""

from __future__ import annotations

import asyncio
import sys

from bench.programs import PROGRAMS


def main(wanted: list[str]) -> int:
    unknown = [name for name in wanted if name not in PROGRAMS]
    if unknown:
        sys.stderr.write(f"No benchmark {unknown[0]!r}; there are: {', '.join(PROGRAMS)}\n")
        return 2
    sys.stdout.write("| what | reach | found |\n|--|--|--|\n")
    for name in wanted or PROGRAMS:
        for row in asyncio.run(PROGRAMS[name]()):
            sys.stdout.write(f"| {row.what} | {row.reach} | {row.found} |\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
