"""RegisterUser: a new account, whose name nobody has or had and which looks like no other."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.errors import NameTaken
from chat.core.state.model import Account, Outcome
from chat.core.state.operations import Operation
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class RegisterUser(Operation):
    """`skeleton` is what the leader takes the name to look like; empty = it was not asked.
    `invite_hash` is that of the code of an invite that this uses, if it uses one."""

    username: str
    password_hash: str
    request_id: str
    at: int
    skeleton: str = ""
    invite_hash: str = ""

    @property
    def author(self) -> str:
        return self.username

    def apply(self, tables: Tables) -> Outcome:
        """Its result is the username."""
        name, accounts, requests = self.username, tables.accounts, tables.requests
        if requests.find(self.request_id, RegisterUser, name):
            return Outcome(name)
        if name in accounts.users:
            raise NameTaken("This name is taken.")
        if owner := accounts.looks_like(self.skeleton):
            raise NameTaken("This name looks like one that is taken.", looks_like=owner)
        if self.invite_hash:
            tables.invites.use(tables.invites.usable(self.invite_hash))
        accounts.add(Account(name, self.password_hash, tables.clock.now, skeleton=self.skeleton))
        requests.remember(self.request_id, RegisterUser, name)
        return Outcome(name)
