"""The chain of hashes over the log: two logs with equal links at an entry are equal up to there.

A link is four bytes that tell where its chain began and sixteen over the link before and the
entry. Links of chains that began elsewhere tell nothing of each other, as unknown ones do.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from chat.core.replication.leadership import ViewNumber

UNKNOWN: Final = b""
_ORIGIN_BYTES: Final = 4
_DIGEST_BYTES: Final = 16


def extend(previous: bytes, index: int, view: ViewNumber, text: str) -> bytes:
    """The link of an entry, whose operation is `text`; what follows an unknown one is unknown."""
    if not previous:
        return UNKNOWN
    data = b"%d %d.%d %s" % (index, view.number, view.proposer, text.encode())
    digest = blake2b(previous, digest_size=_DIGEST_BYTES)
    digest.update(data)
    return previous[:_ORIGIN_BYTES] + digest.digest()


def origin(index: int, view: ViewNumber) -> bytes:
    """The link that begins a chain at this entry, the same on all servers: where a log was
    written by a version without links, a view begins one at the entry where its log does."""
    data = b"begins at %d %d.%d" % (index, view.number, view.proposer)
    return blake2b(data, digest_size=_ORIGIN_BYTES + _DIGEST_BYTES).digest()


def comparable(one: bytes, other: bytes) -> bool:
    return bool(one) and one[:_ORIGIN_BYTES] == other[:_ORIGIN_BYTES]


def differ(one: bytes, other: bytes) -> bool:
    """Whether the links prove that two logs are not the same up to their entries."""
    return comparable(one, other) and one != other
