"""Names that look like another: `аdmin` with a Cyrillic а beside `admin` (Unicode UTS 39).

The leader decides, by its own table; what it decided by goes with the registration, so that
servers with tables of different versions still agree. Runs on the loop's thread.
"""

from __future__ import annotations

import asyncio
import json
import unicodedata
from importlib.resources import files
from itertools import islice
from typing import Final
from weakref import ReferenceType, ref

from chat.core.errors import NameTaken
from chat.core.state.chat_state import ChatState

# So many names take about a millisecond.
_NAMES_AT_ONCE: Final = 100
_MARK: Final = "\u200e"  # around letters that are written from right to left, in the table alone


def _read_prototypes() -> dict[str, str]:
    """What a letter that looks like others is written as. The library has Unicode's table in
    both directions: a prototype is in pairs with all that look like it, these with it alone."""
    path = files("confusable_homoglyphs").joinpath("confusables.json")
    pairs: dict[str, list[dict[str, str]]] = json.loads(path.read_bytes())
    found: dict[str, str] = {}
    for letters, others in pairs.items():
        other = others[0]["c"]
        rank, other_rank = ((len(pairs[each]), len(each)) for each in (letters, other))
        if len(others) == 1 and rank <= other_rank and (rank < other_rank or letters > other):
            found[letters.strip(_MARK)] = other.strip(_MARK)
    return {letters: other for letters, other in found.items() if len(letters) == 1}


# Once, before anybody is served: it takes too long for the loop.
_PROTOTYPES: Final = _read_prototypes()


def skeleton(name: str) -> str:
    """Equal for names that look alike (UTS 39, section 4)."""
    decomposed = unicodedata.normalize("NFD", name)
    written = "".join([_PROTOTYPES.get(letter, letter) for letter in decomposed])
    return unicodedata.normalize("NFD", written)


class LookAlikes:
    """The skeletons of all accounts, deleted ones too; kept up as accounts come."""

    def __init__(self) -> None:
        # Not the state itself: a server that has begun anew would keep that of before.
        self._state: ReferenceType[ChatState] | None = None
        self._owners: dict[str, str] = {}
        self._seen = 0

    async def refuse(self, name: str, state: ChatState) -> str:
        """NameTaken if another account's name looks the same; else the skeleton of `name`."""
        await self._look_at_all(state)
        own = skeleton(name)
        owner = self._owners.get(own, name)
        if owner != name:
            raise NameTaken("This name looks like one that is taken.", looks_like=owner)
        return own

    async def _look_at_all(self, state: ChatState) -> None:
        if not self._knows(state):
            self._state, self._owners, self._seen = ref(state), {}, 0
        while self._knows(state) and self._seen < len(state.accounts):
            names = list(islice(state.accounts.names(), self._seen, self._seen + _NAMES_AT_ONCE))
            self._seen += len(names)
            for name in names:
                self._owners.setdefault(skeleton(name), name)
            await asyncio.sleep(0)

    def _knows(self, state: ChatState) -> bool:
        return self._state is not None and self._state() is state
