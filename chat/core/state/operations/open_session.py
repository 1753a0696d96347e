"""OpenSession: somebody signs in on a device."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.errors import AccountDisabled, BadCredentials, IdReused
from chat.core.state.model import Outcome, Session
from chat.core.state.operations import Operation
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class OpenSession(Operation):
    """`checked_hash` is the password hash that the leader checked the password against:
    the operation is refused when the password was changed in between. `device_hash` is that
    of the device's secret, if it has one."""

    username: str
    token_hash: str
    device_name: str
    expires_at: int
    checked_hash: str
    at: int
    device_hash: str = ""

    @property
    def author(self) -> str:
        return self.username

    def apply(self, tables: Tables) -> Outcome:
        """Its result is the Session."""
        accounts = tables.accounts
        user = accounts.users.get(self.username)
        if user is None or user.account.deleted:
            raise BadCredentials("The name or the password is wrong.")
        known = accounts.session(self.token_hash)
        if known is not None:
            if known.username != user.name:
                raise IdReused("This token is in use.")
            return Outcome(known)
        accounts.checked(user, self.checked_hash)
        if user.account.disabled:
            raise AccountDisabled("This account is disabled. Ask whoever runs the servers.")
        session = Session(
            self.token_hash, user.name, self.device_name, tables.clock.now, self.expires_at
        )
        ended = accounts.open_session(user, session)
        if self.device_hash:
            accounts.keep_device(user, self.device_hash)
        return Outcome(session, ended=ended)
