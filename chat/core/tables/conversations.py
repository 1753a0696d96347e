"""Conversations and their messages: what was said, how far it was read, what was taken back."""

from __future__ import annotations

from collections.abc import Iterable, Set

from chat.core import limits
from chat.core.model import ConversationView, Message
from chat.core.tables.accounts import Accounts
from chat.core.tables.keeping import Keeper
from chat.core.tables.paging import (
    fitting,
    make_token,
    message_bytes,
    page_size,
    read_number_token,
)
from chat.core.tables.records import Conversation, User


class Conversations:
    """`items` are the records, in the order in which they began; `by_id` finds the messages of
    them all, each as it was when it was last replaced (`seen` has its status)."""

    __slots__ = ("_accounts", "_keeper", "activity", "by_id", "items")

    def __init__(self, keeper: Keeper, accounts: Accounts) -> None:
        self._keeper = keeper
        self._accounts = accounts
        self.items: list[Conversation] = []
        self.by_id: dict[str, Message] = {}
        self.activity = 0  # counts messages: conversations are listed by their last one's

    def load(self, conversations: Iterable[Conversation], activity: int) -> None:
        """Into an empty table, of which `by_id` may be filled already; ValueError where two
        cannot be in one."""
        self.activity = activity
        self.items.extend(conversations)
        if len(self.by_id) != sum(len(one.messages) for one in self.items):
            raise ValueError("a message id is there twice")
        for conversation in sorted(self.items, key=lambda one: one.activity):
            self._put_under_its_people(conversation)

    def _put_under_its_people(self, conversation: Conversation) -> None:
        first, second = conversation.people
        for name, contact in ((first, second), (second, first)):
            user = self._accounts.users[name]
            if contact in user.conversations:
                raise ValueError(f"the conversation of {name!r} and {contact!r} is there twice")
            user.touch(contact, conversation)
            user.unread += conversation.unread[name]

    # --- asking ---------------------------------------------------------------------

    def message(self, message_id: str) -> Message | None:
        message = self.by_id.get(message_id)
        return self.seen(message) if message else None

    def of(self, message: Message) -> Conversation:
        return self._accounts.users[message.sender].conversations[message.recipient]

    def seen(self, message: Message) -> Message:
        """The message with its status as it now is."""
        return self.of(message).seen(message)

    def contacts(self, user: str) -> Set[str]:
        """Everyone with whom `user` has a conversation: a view, which changes with the state."""
        known = self._accounts.users.get(user)
        return known.conversations.keys() if known else frozenset()

    def unread(self, user: str) -> int:
        """How many messages wait for the user, in all conversations."""
        return self._accounts.known(user).unread

    def page(self, user: str, page_token: str, limit: int) -> tuple[list[ConversationView], str]:
        """Newest activity first, as many as fit into a page. NoSuchUser; Invalid for a token
        of another list."""
        size, room = page_size(limit), limits.PAGE_BYTES_MAX
        before = read_number_token("conversations", page_token) if page_token else None
        me = self._accounts.known(user)
        page: list[ConversationView] = []
        last = 0
        for contact, conversation in reversed(me.conversations.items()):
            if before is not None and conversation.activity >= before:
                continue
            view = self._view(me, contact, conversation)
            room -= message_bytes(view.last_message)
            if len(page) == size or (page and room < 0):
                return page, make_token("conversations", str(last))
            page.append(view)
            last = conversation.activity
        return page, ""

    def _view(self, me: User, contact: str, conversation: Conversation) -> ConversationView:
        return ConversationView(
            contact,
            conversation.seen(conversation.messages[-1]),
            conversation.unread[me.name],
            self._accounts.users[contact].account.deleted,
        )

    def messages(
        self, user: str, contact: str, page_token: str, limit: int
    ) -> tuple[list[Message], str]:
        """The newest page first, in order of time, with as many messages as fit into it; the
        token leads to the page before it.

        NoSuchUser for an unknown contact; Invalid for a token of another list.
        """
        size = page_size(limit)
        before = read_number_token("messages", page_token) if page_token else None
        me = self._accounts.known(user)
        self._accounts.known(contact)
        conversation = me.conversations.get(contact)
        if conversation is None:
            return [], ""
        count = len(conversation.messages)
        end = count if before is None else min(max(before - 1, 0), count)
        newest = reversed(conversation.messages[max(end - size, 0) : end])
        start = end - fitting(newest)
        page = [conversation.seen(message) for message in conversation.messages[start:end]]
        return page, make_token("messages", str(start + 1)) if start else ""

    # --- changing -------------------------------------------------------------------

    def begin(self, people: tuple[str, str]) -> Conversation:
        conversation = Conversation(people, self._keeper.epoch)
        self.items.append(conversation)
        return conversation

    def add(self, conversation: Conversation, message: Message) -> None:
        """The message is the conversation's next one."""
        self._keeper.keep(conversation)
        self.activity += 1
        conversation.activity = self.activity
        conversation.messages.append(message)
        conversation.unread[message.recipient] += 1
        users = self._accounts.users
        sender, recipient = users[message.sender], users[message.recipient]
        recipient.unread += 1
        sender.touch(recipient.name, conversation)
        recipient.touch(sender.name, conversation)
        self.by_id[message.id] = message

    def read(self, conversation: Conversation, reader: User, limit: int) -> int:
        """Marks the oldest unread messages, at most `limit` (0 = all); how many it marked."""
        self._keeper.keep(conversation)
        marked = conversation.read(reader.name, limit)
        reader.unread -= marked
        return marked

    def unsend(self, message: Message) -> Message:
        """Empties an unread message."""
        conversation = self.of(message)
        self._keeper.keep(conversation)
        gone = conversation.unsend(message, self._keeper.epoch)
        self.by_id[gone.id] = gone
        self._accounts.users[gone.recipient].unread -= 1
        return gone
