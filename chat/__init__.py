"""A replicated desktop chat: three servers, no database, nothing lost."""

from __future__ import annotations

import os
import sys

__version__ = "1.0.0"

# Every program imports this package before it does anything. A promise that is about to break is
# noticed by an assertion (docs/PROTOCOL.md, Invariants), and -O takes them all away.
if not __debug__:
    print(  # noqa: T201
        "chat: Python was told to leave out assertions (-O, PYTHONOPTIMIZE); they keep "
        "acknowledged messages safe, so nothing here runs without them",
        file=sys.stderr,
    )
    raise SystemExit(2)

# gRPC reads this when it is first imported. Its lines are not ours, and it writes them on the
# threads that move all bytes, which would then wait for whoever reads them.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
