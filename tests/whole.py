"""`python -m tests.whole`: every test, in two processes where there are two cores.

The halves take about as long as each other.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import Final

FIRST: Final = ("tests/server", "tests/core", "tests/client", "tests/ui")


def start(share: int, *arguments: str, output: int | None = None) -> subprocess.Popen[bytes]:
    """One of two; `tests/ports.py` gives each ports of its own."""
    shares = {"TESTS_SHARE": str(share), "TESTS_SHARES": "2"}
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments],
        env={**os.environ, **shares},
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
    )


def main() -> int:
    if (os.cpu_count() or 1) < 2:
        return subprocess.run([sys.executable, "-m", "pytest"], check=False).returncode
    rest = [f"--ignore={folder}" for folder in FIRST]
    with tempfile.TemporaryFile() as said:
        second = start(1, *rest, output=said.fileno())
        try:
            failed = start(0, *FIRST).wait()
            print("The other half is still under way; what it says follows.", flush=True)  # noqa: T201
            failed = second.wait() or failed
        finally:
            second.kill()
        said.seek(0)
        sys.stdout.write(said.read().decode(errors="replace"))
    return failed


if __name__ == "__main__":
    sys.exit(main())
