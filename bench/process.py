"""What a process has taken so far, as Linux counts it."""

from __future__ import annotations

import time
from pathlib import Path


def spent_s(pid: int) -> float:
    """Processor time of all its threads, also those that have ended, the system's on its behalf
    included; from the process's own clock (clock_getcpuclockid(3)), which counts nanoseconds."""
    return time.clock_gettime(~pid << 3 | 2)


def memory_bytes(pid: int) -> int:
    """Resident now."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(one for one in status.splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) * 1024
