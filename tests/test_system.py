"""What is asked of the operating system."""

from __future__ import annotations

import platform
import resource
from pathlib import Path

import pytest

from chat.system import give_memory_back


def resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others keep nothing")
def test_memory_that_was_freed_between_what_is_used_goes_back_to_the_system() -> None:
    texts = ["x" * (1_000 + number % 1_000) for number in range(50_000)]
    full = resident_bytes()
    kept = texts[::100]
    del texts
    give_memory_back()
    assert resident_bytes() < full - 40 * 2**20
    assert len(kept) == 500
