"""A chat server from a clone: python server.py --id N."""

from __future__ import annotations

import sys

from chat.server.__main__ import run

if __name__ == "__main__":
    sys.exit(run())
