"""A replicated desktop chat: three servers, no database, nothing lost."""

from __future__ import annotations

import os

__version__ = "1.0.0"

# gRPC reads this when it is first imported. Its lines are not ours, and it writes them on the
# threads that move all bytes, which would then wait for whoever reads them.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
