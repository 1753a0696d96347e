"""Neighbours: what is wrong between this server and each other one, in words.

The words go into the log once, and with the pings to the others, whose cluster windows show
them. Pure; times are seconds on the caller's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from chat.config import Address
from chat.core import limits

_NEVER: Final = float("-inf")


@dataclass(slots=True)
class _Neighbour:
    found: str = ""  # who is at its address instead
    called: float = _NEVER  # when it last reached this server
    unreached_since: float | None = None  # when it first did so after it was last reached
    said: str = ""  # the last sentence in the log
    trouble: str = ""  # what it told of its own neighbours


class Neighbours:
    """`out_s` is how long a call counts, `patience_s` how long a server may be out of reach
    while it reaches this one before that is worth a word."""

    def __init__(
        self, server_id: int, addresses: Mapping[int, Address], out_s: float, patience_s: float
    ) -> None:
        self._server_id = server_id
        self._out_s = out_s
        self._patience_s = patience_s
        self._others: dict[int, _Neighbour] = {}
        self.own_trouble = ""  # what this server has: it is told with the rest
        self.move(addresses)

    def move(self, addresses: Mapping[int, Address]) -> None:
        """These are the servers now, and where they are."""
        known, self._addresses = self._others, addresses
        peers = (peer for peer in addresses if peer != self._server_id)
        self._others = {peer: known.get(peer) or _Neighbour() for peer in peers}

    # --- what happened, as far as it was proven ---------------------------------------------

    def called(self, peer: int, trouble: str, now: float) -> None:
        """It reached this server, and told of its own trouble."""
        other = self._others.get(peer)
        if other is None:
            return  # one that was removed, or is to be new
        if other.unreached_since is None or now - other.called > self._out_s:
            other.unreached_since = now
        other.called, other.trouble = now, trouble[: limits.TROUBLE_CHARACTERS_MAX]

    def answered(self, peer: int, trouble: str) -> None:
        other = self._others.get(peer) or _Neighbour()
        other.found, other.unreached_since, other.said = "", None, ""
        other.trouble = trouble[: limits.TROUBLE_CHARACTERS_MAX]

    def found(self, peer: int, words: str) -> None:
        """Somebody else answered in its place."""
        if peer in self._others:
            self._others[peer].found = words

    # --- what is to be said -------------------------------------------------------------

    def trouble(self, now: float) -> str:
        """All that is wrong from here, as sentences; mostly none."""
        own = f"server {self._server_id} has {self.own_trouble}" if self.own_trouble else ""
        sentences = filter(None, (own, *(self._sentence(peer, now) for peer in self._others)))
        return "; ".join(sentences)[: limits.TROUBLE_CHARACTERS_MAX]

    def troubles(self, now: float) -> dict[int, str]:
        """What each server tells of its neighbours, this one included."""
        others = {peer: other.trouble for peer, other in self._others.items()}
        return {**others, self._server_id: self.trouble(now)}

    def news(self, now: float) -> list[str]:
        """The sentences that were not told before."""
        told = []
        for peer, other in self._others.items():
            sentence = self._sentence(peer, now)
            if sentence and sentence != other.said:
                other.said = sentence
                told.append(sentence)
        return told

    def _sentence(self, peer: int, now: float) -> str:
        me, other, address = f"server {self._server_id}", self._others[peer], self._addresses[peer]
        if other.found:
            where = f"at {address}, where server {peer} should be"
            return f"{me} finds {other.found} {where}: check config.json"
        since, heard_lately = other.unreached_since, now - other.called < self._out_s
        if heard_lately and since is not None and now - since > self._patience_s:
            return (
                f"{me} cannot reach server {peer} at {address}, though server {peer} reaches {me}: "
                "check config.json, and the firewall there"
            )
        return ""
