"""SetPassword: a new password, which signs out every other device."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chat.core.state.model import Outcome
from chat.core.state.operations import Operation
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class SetPassword(Operation):
    """Ends every session of the account but the one of `token_hash`, and forgets every device
    but the one of `device_hash`."""

    username: str
    token_hash: str
    checked_hash: str
    password_hash: str
    request_id: str
    at: int
    device_hash: str = ""

    @property
    def author(self) -> str:
        return self.username

    def apply(self, tables: Tables) -> Outcome:
        accounts, requests = tables.accounts, tables.requests
        if requests.find(self.request_id, SetPassword, self.username):
            return Outcome(None)
        user = accounts.caller(self.username)
        accounts.checked(user, self.checked_hash)
        devices = tuple(d for d in user.account.devices if d.secret_hash == self.device_hash)
        accounts.change(
            user, replace(user.account, password_hash=self.password_hash, devices=devices)
        )
        kept = tuple(s for s in user.sessions if s.token_hash == self.token_hash)
        ended = accounts.keep_sessions(user, kept)
        requests.remember(self.request_id, SetPassword, user.name)
        return Outcome(None, ended=ended)
