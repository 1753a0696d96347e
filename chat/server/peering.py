"""How servers know each other: each call proves who makes it, each answer who gives it.

Both hold the same key, which is never sent. A call bears a fresh number (the nonce) and a proof
made with the key; the answer's first metadata bear a proof made for that very nonce, which
the caller checks before it says anything more or believes a word. Both proofs name the
method, the caller, the server that is called and its address, and the *epoch* of the process
that answers: a random number of its own, so that no proof is of use at another server, nor
at the next process of the same one. A caller learns the epoch with the first answer.

Pure but for the random numbers; belongs to the event loop.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from chat.config import SERVER_ID_MAX

CALL_KEY: Final = "chat-peer-call"
ANSWER_KEY: Final = "chat-peer-answer"
# Of what servers say to each other, which clients do not hear: those with one first number work
# together. 2: an entry bears its operation as the text that is hashed and written.
SERVERS_VERSION: Final = "2.0"
VERSION_KEY: Final = "chat-peer-version"
# In place of an address where it does not matter: TLS admits nobody in between, and who starts
# a server with --listen has put something in between.
ANYWHERE: Final = "*"

# Whoever calls as this holds the key and is no server: a person's command.
OPERATOR: Final = SERVER_ID_MAX + 1

NO_PROOF: Final = "a program that proves nothing (another one, or a server of an older version)"

PING: Final = "/chat.v1.HealthService/Ping"
PINGS: Final = "/chat.v1.HealthService/Pings"
REPLICATE: Final = "/chat.v1.ReplicationService/Replicate"
CATCH_UP: Final = "/chat.v1.ReplicationService/CatchUp"

RECONFIGURE: Final = "/chat.v1.ReplicationService/Reconfigure"

Pairs = tuple[tuple[str, str], ...]
_NONCE: Final = re.compile("[0-9a-f]{32}")
_NOT_KNOWN: Final = "-"


def major(version: str) -> str:
    """Its first number: what differs there does not work together."""
    return version.partition(".")[0]


class Answerer(Enum):
    """Who answered a call, as far as it was proven."""

    STRANGER = "not the server that was called"
    INTRODUCED = "that server, in a process new to the caller: it takes the next call for mine"
    PEER = "that server, and the call bore the proof that it asks for"


@dataclass(frozen=True, slots=True)
class Found:
    """`words` says of a stranger what it is, to follow "finds"."""

    answerer: Answerer
    words: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """One call's claim to come from a server: the metadata to send with it."""

    peer: int
    method: str
    nonce: str
    epoch: str
    metadata: Pairs


class Peering:
    """What this server proves to the others and asks of them. `places` are the addresses where
    each server is called, this one's own included, or ANYWHERE."""

    def __init__(self, key: bytes, server_id: int, places: Mapping[int, str], version: str) -> None:
        self.server_id = server_id
        self.version = version
        self._key = key
        self._places = dict(places)  # replaced whole
        self._epoch = _new_nonce()
        # The last known process of each peer.
        self._epochs: dict[int, str] = {}

    def move(self, places: Mapping[int, str]) -> None:
        """The servers have changed their configuration. Those that it lists no more may still
        answer a call."""
        self._places = {**self._places, **places}

    # --- as a caller --------------------------------------------------------------------

    def claim(self, peer: int, method: str) -> Claim:
        nonce, epoch = _new_nonce(), self._epochs.get(peer, _NOT_KNOWN)
        stated = (str(self.server_id), str(peer), self._places[peer], nonce)
        known = epoch != _NOT_KNOWN
        proof = self._prove("call", method, *stated, epoch) if known else _NOT_KNOWN
        pairs = ((CALL_KEY, " ".join((*stated, proof))), (VERSION_KEY, self.version))
        return Claim(peer, method, nonce, epoch, pairs)

    def check(self, claim: Claim, metadata: Any) -> Found:
        """Who gave an answer with these first metadata. Learns of a new process of the peer."""
        parts = _parts(metadata, ANSWER_KEY, 4)
        if parts is None:
            return Found(Answerer.STRANGER, NO_PROOF)
        server_id, place, epoch, proof = parts
        words = (str(self.server_id), server_id, place, claim.nonce, epoch)
        if not hmac.compare_digest(proof, self._prove("answer", claim.method, *words)):
            return Found(Answerer.STRANGER, "a server that has another cluster.key")
        if server_id != str(claim.peer):
            return Found(Answerer.STRANGER, f"server {server_id}")
        if place not in (ANYWHERE, self._places[claim.peer]):
            return Found(
                Answerer.STRANGER, f"server {server_id}, whose own config.json says {place}"
            )
        self._epochs[claim.peer] = epoch
        return Found(Answerer.PEER if epoch == claim.epoch else Answerer.INTRODUCED)

    def has_met(self, peer: int) -> bool:
        """Whether the peer has ever proven to be where it is called."""
        return peer in self._epochs

    # --- as the one who is called ---------------------------------------------------------

    def answer(self, method: str, metadata: Any) -> tuple[int, Pairs]:
        """Which server has proven to make the call (0 = none), and what to answer first: a
        proof to whoever claims to be a server, nothing to anybody else."""
        parts = _parts(metadata, CALL_KEY, 5)
        if parts is None or not _NONCE.fullmatch(parts[3]):
            return 0, ()
        caller, target, place, nonce, proof = parts
        own = str(self.server_id)
        words = (caller, own, self._places[self.server_id], nonce, self._epoch)
        answer = " ".join((*words[1:3], self._epoch, self._prove("answer", method, *words)))
        expected = self._prove("call", method, caller, target, place, nonce, self._epoch)
        right_place = self._places[self.server_id] in (ANYWHERE, place)
        proven = hmac.compare_digest(proof, expected) and target == own and right_place
        known = proven and self.is_peer(caller) and self.fits(_one(metadata, VERSION_KEY))
        return int(caller) if known else 0, ((ANSWER_KEY, answer),)

    def is_peer(self, caller: str) -> bool:
        """Any other server that holds the key: one that is to be new, or has been removed while
        it was away, is to be told so. What it says counts where the protocol counts it."""
        known = caller.isascii() and caller.isdigit() and caller == str(int(caller))
        return known and 1 <= int(caller) <= OPERATOR and int(caller) != self.server_id

    def fits(self, version: str) -> bool:
        return major(version) == major(self.version)

    def _prove(self, *words: str) -> str:
        """No word holds a space, so that no two lists of words look alike."""
        return hmac.digest(self._key, " ".join(words).encode(), "sha256").hex()


def _new_nonce() -> str:
    return secrets.token_hex(16)


def _one(metadata: Iterable[tuple[str, Any]] | None, key: str) -> str:
    """The first text under `key`, or an empty one."""
    texts = (value for name, value in metadata or () if name == key)
    first = next(texts, "")
    return first if isinstance(first, str) and first.isascii() else ""


def _parts(metadata: Any, key: str, count: int) -> list[str] | None:
    parts = _one(metadata, key).split(" ")
    return parts if len(parts) == count else None
