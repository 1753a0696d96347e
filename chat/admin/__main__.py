"""The program of whoever runs the servers: `chat-admin`, or python -m chat.admin from a clone."""

from __future__ import annotations

import sys

from chat.admin.program import main
from chat.output import guard_output


def run() -> int:
    """The program: `main`, and what it prints blocks nobody."""
    guard_output()
    return main()


if __name__ == "__main__":
    sys.exit(run())
