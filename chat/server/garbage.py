"""Python's search for garbage, kept away from a million messages of which none is garbage.

It stops every thread while it looks through all there is.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_search() -> Iterator[None]:
    """For work that makes much and drops nothing."""
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()


@contextmanager
def kept_for_good() -> Iterator[None]:
    """What is made inside is never looked through again: for a process's start."""
    with no_search():
        yield
        gc.freeze()
