"""The program of whoever runs the servers: `chat-admin`, or python -m chat.admin from a clone."""

from __future__ import annotations

import io
import os
import sys

from chat.admin.program import main


def run() -> int:
    """The program: `main`. It prints as slowly as it is read, and loses no line; who reads no more
    (`| head`) ends it quietly."""
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(errors="backslashreplace")
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(run())
