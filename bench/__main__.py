"""`python -m bench [NAME...]`: runs the benchmarks (all of them) and prints their tables."""

from __future__ import annotations

import argparse
import asyncio
import sys
import traceback
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from bench.compare import compare
from bench.cost import cost
from bench.etcd import etcd
from bench.idle import compare_idle, idle
from bench.load import Pace
from bench.recovery import catch_up, failover, start_up
from bench.rooms import rooms
from bench.row import HEADING, Row
from bench.searching import search
from bench.sending import effort, encryption, heard, one_user, scale, sends
from bench.signing_in import sign_ins
from bench.stalls import stalls
from bench.streaming import live, streams
from bench.window import window
from chat.server.loop_watch import new_event_loop

Program = Callable[[Pace], Coroutine[Any, Any, list[Row]]]
PROGRAMS: dict[str, Program] = {
    program.__name__: program
    for program in (
        sends, effort, heard, rooms, one_user, encryption, scale, live, streams, search, start_up,
        failover,
        sign_ins, catch_up, stalls, idle, window, etcd,
    )
}  # fmt: skip
COMPARISONS = {program.__name__: program for program in (compare, compare_idle, cost)}
# A program that is stuck must not keep the others from their turn.
LIMIT_S = 600.0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run(name: str, program: Program, pace: Pace) -> bool:
    """Prints its rows; False if there is something that it could not measure."""
    loop = new_event_loop()
    try:
        rows = loop.run_until_complete(asyncio.wait_for(program(pace), LIMIT_S))
    except Exception as error:
        traceback.print_exc()
        reason = str(error).partition("\n")[0] or type(error).__name__
        say(Row(name, "–", f"not measured: {reason}").markdown)
        return False
    finally:
        loop.close()
    for row in rows:
        say(row.markdown)
    return True


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=", ".join((*PROGRAMS, *COMPARISONS))
    )
    parser.add_argument("--ref", help="the revision to compare with")
    parser.add_argument("--seconds", type=float, default=Pace().seconds, help="of each round")
    parser.add_argument("--rounds", type=int, default=Pace().rounds)
    options = parser.parse_args(arguments)
    programs = dict(PROGRAMS)
    if options.ref:
        programs |= {n: partial(p, ref=options.ref) for n, p in COMPARISONS.items()}
    for name in options.names:
        if name not in programs:
            more = " (it needs --ref)" if name in COMPARISONS else ""
            parser.error(f"no benchmark {name!r}{more}; there are: {', '.join(programs)}")
    pace = Pace(options.seconds, options.rounds)
    say(HEADING)
    done = [run(name, programs[name], pace) for name in options.names or PROGRAMS]
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
