"""What a start reads is not searched for garbage, and all else is again afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from chat.server.garbage import kept_for_good, no_search


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()


def test_the_search_goes_on_where_it_went_on_before() -> None:
    with no_search():
        assert not gc.isenabled()
        with no_search():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="read"), no_search():
        raise ValueError("what is read is damaged")
    assert gc.isenabled()


def test_what_is_kept_is_not_searched() -> None:
    with kept_for_good():
        kept = [[number] for number in range(1_000)]
    assert gc.isenabled()
    searched = {id(one) for one in gc.get_objects()}
    assert not searched & set(map(id, kept))
