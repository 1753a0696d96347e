"""Usage: how much of what is held each user has written; how much may be held, and how long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chat.core import limits
from chat.core.errors import Invalid
from chat.core.state.model import Message
from chat.core.state.tables.accounts import Accounts
from chat.core.state.tables.keeping import Keeper
from chat.core.state.tables.records import User


@dataclass(frozen=True, slots=True)
class Quota:
    """Bytes that may be held of one user's messages, and of all messages; 0 = no bound."""

    user_bytes: int = 0
    all_bytes: int = 0


def text_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


class Usage:
    """A message counts for its sender: its text in UTF-8, and MESSAGE_HELD_BYTES. `all_bytes` is
    what all of them come to. Messages expire after `keep_days`; 0 = never."""

    __slots__ = ("_accounts", "_keeper", "all_bytes", "keep_days", "quota")

    def __init__(self, keeper: Keeper, accounts: Accounts) -> None:
        self._keeper = keeper
        self._accounts = accounts
        self.all_bytes = 0
        self.quota = Quota()
        self.keep_days = 0

    def load(self, messages: Iterable[Message] | None) -> None:
        """Counts these; None = the accounts have been counted. ValueError where they were not."""
        users = self._accounts.users
        for message in messages or ():
            user = users[message.sender]
            user.held_messages += 1
            user.held_bytes += limits.MESSAGE_HELD_BYTES + text_bytes(message.text)
        self.all_bytes = sum(user.held_bytes for user in users.values())

    def take(self, message: Message, before: Message | None) -> None:
        """It is held from now on, in place of what it was before."""
        user = self._accounts.users[message.sender]
        self._keeper.keep(user)
        more = text_bytes(message.text)
        if before is None:
            user.held_messages += 1
            more += limits.MESSAGE_HELD_BYTES
        else:
            more -= text_bytes(before.text)
        user.held_bytes += more
        self.all_bytes += more

    def release(self, message: Message) -> None:
        """It is held no more."""
        user = self._accounts.users[message.sender]
        self._keeper.keep(user)
        size = limits.MESSAGE_HELD_BYTES + text_bytes(message.text)
        user.held_messages -= 1
        user.held_bytes -= size
        self.all_bytes -= size

    def must_hold(self, user: User, text: str, before: str | None = None) -> None:
        """Invalid, with metadata `quota`, where this text (in place of the one before) is more than
        may be held. One that is no longer than before is always taken."""
        more = text_bytes(text)
        more += limits.MESSAGE_HELD_BYTES if before is None else -text_bytes(before)
        quota = self.quota
        if more <= 0:
            return
        if quota.user_bytes and user.held_bytes + more > quota.user_bytes:
            raise Invalid("text", _USER_FULL, quota="user")
        if quota.all_bytes and self.all_bytes + more > quota.all_bytes:
            raise Invalid("text", _ALL_FULL, quota="all")


_USER_FULL = (
    "You have written as much as the servers keep of one person. Ask whoever runs the servers."
)
_ALL_FULL = "The servers keep as many messages as they may. Ask whoever runs the servers."
