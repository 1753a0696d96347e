"""Invites: codes with which people may create accounts, each for a while and a number of uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from chat.core import limits
from chat.core.errors import Invalid, NoSuchInvite
from chat.core.state.tables.clock import Clock


@dataclass(frozen=True, slots=True)
class Invite:
    """Only the hash of its code is kept: of so many random bits, one plain hash is enough. Times
    are in milliseconds since 1970."""

    code_hash: str
    by: str
    made_at: int
    expires_at: int
    uses: int
    uses_left: int

    @property
    def id(self) -> str:
        return self.code_hash[: limits.SESSION_ID_CHARACTERS]


class Invites:
    """Those that can still be used, and perhaps some that have ended."""

    __slots__ = ("_by_hash", "_clock")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_hash: dict[str, Invite] = {}

    def load(self, invites: Iterable[Invite]) -> None:
        """Into an empty table; ValueError where one is there twice."""
        for invite in invites:
            if invite.code_hash in self._by_hash:
                raise ValueError("an invite is there twice")
            self._by_hash[invite.code_hash] = invite

    def all(self) -> tuple[Invite, ...]:
        """The oldest first."""
        return tuple(self._by_hash.values())

    def usable(self, code_hash: str) -> Invite:
        """Invalid for one that is not known, has ended or was used up."""
        invite = self._by_hash.get(code_hash)
        if invite is None or invite.expires_at <= self._clock.now:
            raise Invalid("invite", "This invite is not known, has ended, or was used up.")
        return invite

    def add(self, invite: Invite) -> None:
        """Invalid where there are too many; those that have ended go."""
        now = self._clock.now
        living = {h: each for h, each in self._by_hash.items() if each.expires_at > now}
        if len(living) >= limits.INVITES_MAX:
            raise Invalid("invite", f"There are {limits.INVITES_MAX} invites: revoke some.")
        self._by_hash = {**living, invite.code_hash: invite}

    def use(self, invite: Invite) -> None:
        if invite.uses_left == 1:
            del self._by_hash[invite.code_hash]
        else:
            self._by_hash[invite.code_hash] = replace(invite, uses_left=invite.uses_left - 1)

    def revoke(self, invite_id: str) -> None:
        """NoSuchInvite."""
        found = [h for h, invite in self._by_hash.items() if invite.id == invite_id]
        if not found:
            raise NoSuchInvite("There is no such invite.")
        for code_hash in found:
            del self._by_hash[code_hash]
