"""What each user is told, under cursors of their own, and kept for those who come back."""

from __future__ import annotations

from collections.abc import Iterable

from chat.core.model import Event, Message, MessagePosted, Told, UserEvent
from chat.core.tables.accounts import Accounts
from chat.core.tables.conversations import Conversations
from chat.core.tables.keeping import Keeper
from chat.core.tables.records import KeptEvent, Mark, kept


class Events:
    """They are kept in each user's window."""

    __slots__ = ("_accounts", "_conversations", "_keeper")

    def __init__(self, keeper: Keeper, accounts: Accounts, conversations: Conversations) -> None:
        self._keeper = keeper
        self._accounts = accounts
        self._conversations = conversations

    def tell(self, names: Iterable[str], event: Event) -> Told:
        """Adds an event to those of `names` whose accounts are still there. All contacts of a
        deleted account are told at once, so a name must take less than a microsecond."""
        cursors: dict[str, int] = {}
        users, keeper, what = self._accounts.users, self._keeper, kept(event)
        keep, epoch = keeper.keep, keeper.epoch
        for name in names:
            user = users[name]
            if not user.account.deleted:
                if user.epoch != epoch:
                    keep(user)
                cursors[name] = user.events.append(what)
        return Told(event, cursors)

    def cursor(self, user: str) -> int:
        """That of the user's newest event."""
        return self._accounts.known(user).events.cursor

    def after(self, user: str, cursor: int, limit: int) -> list[UserEvent]:
        """At most `limit` events; CursorExpired when some after `cursor` are not kept.

        Messages come as they now are: one that was taken back has no text any more.
        """
        window = self._accounts.known(user).events
        return [UserEvent(at, self._shown(event)) for at, event in window.after(cursor, limit)]

    def _shown(self, event: KeptEvent) -> Event:
        if isinstance(event, str):
            return MessagePosted(self._message(event))
        return event.kind(self._message(event.message_id)) if isinstance(event, Mark) else event

    def _message(self, message_id: str) -> Message:
        return self._conversations.seen(self._conversations.by_id[message_id])
