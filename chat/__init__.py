"""A replicated desktop chat: three servers, no database, nothing lost."""

from __future__ import annotations

import os

__version__ = "1.0.0"

# gRPC reads this when it is first imported; it would tell of every peer that goes away, in
# lines that are not ours.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
