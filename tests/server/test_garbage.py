"""What a start reads is not searched for garbage, and all else is again afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ReferenceType, ref

import pytest

from chat.server.garbage import kept_for_good, look_once_more, no_search


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


class Ring:
    """An object that is in a circle with itself."""

    def __init__(self) -> None:
        self.own = self


def _dropped() -> ReferenceType[Ring]:
    return ref(Ring())


def test_what_was_kept_for_good_and_is_of_no_use_any_more_is_found() -> None:
    with kept_for_good():
        kept, dropped = Ring(), _dropped()
    gc.collect()
    assert dropped() is not None
    look_once_more()
    assert dropped() is None
    assert id(kept) not in map(id, gc.get_objects())  # and the rest is kept as before


def test_where_nothing_was_kept_nothing_is_kept_afterwards() -> None:
    dropped = _dropped()
    look_once_more()
    assert dropped() is None
    assert gc.get_freeze_count() == 0
