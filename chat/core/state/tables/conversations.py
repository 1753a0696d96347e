"""Conversations and their messages: what was said, how far it was read, what was taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from functools import partial
from heapq import merge
from operator import itemgetter

from chat.core import limits
from chat.core.errors import Invalid, RecipientDeleted
from chat.core.state.model import GONE, ConversationView, Message
from chat.core.state.tables.accounts import Accounts
from chat.core.state.tables.keeping import Keeper
from chat.core.state.tables.paging import (
    conversation_bytes,
    fitting,
    make_token,
    page_size,
    read_number_token,
)
from chat.core.state.tables.records import Conversation, Member, User, is_shown, of_two, waits_for
from chat.core.state.tables.usage import Usage

# What orders a conversation in a list, and how it is shown.
Listed = tuple[int, Callable[[], ConversationView]]


class Conversations:
    """`items` are the records, in the order in which they began; `by_id` finds the messages of
    them all, each as it was when it was last replaced (`seen` has its status)."""

    __slots__ = ("_accounts", "_keeper", "_usage", "activity", "by_id", "items")

    def __init__(self, keeper: Keeper, accounts: Accounts, usage: Usage) -> None:
        self._keeper = keeper
        self._accounts = accounts
        self._usage = usage
        self.items: list[Conversation] = []
        self.by_id: dict[str, Message] = {}
        self.activity = 0  # counts messages: conversations are listed by their last one's

    def load(self, conversations: Iterable[Conversation], activity: int) -> None:
        """Into a table that has their messages `by_id`; ValueError where two cannot be in one."""
        self.activity = activity
        self.items.extend(conversations)
        for conversation in sorted(self.items, key=lambda one: one.activity):
            self._put_under_its_members(conversation)

    def _put_under_its_members(self, conversation: Conversation) -> None:
        for name, member in conversation.members.items():
            user = self._accounts.users[name]
            if member.address in user.conversations:
                raise ValueError(f"{name!r} has two conversations at {member.address!r}")
            user.touch(member.address, conversation)
            user.unread += member.unread

    # --- asking ---------------------------------------------------------------------

    def message(self, message_id: str) -> Message | None:
        message = self.by_id.get(message_id)
        return self.seen(message) if message else None

    def of(self, message: Message) -> Conversation:
        return self._accounts.users[message.sender].conversations[message.address]

    def at(self, user: User, address: str) -> Conversation | None:
        """None where nothing was said yet; NoSuchUser where nothing can be."""
        conversation = user.conversations.get(address)
        if conversation is None:
            self._accounts.known(address)
        return conversation

    def seen(self, message: Message) -> Message:
        """The message with its status as it now is."""
        return self.of(message).seen(message)

    def contacts(self, user: str) -> Set[str]:
        """Everyone with whom `user` has a conversation: a view, which changes with the state.
        The address of a conversation of two is the other one's name."""
        known = self._accounts.users.get(user)
        return known.conversations.keys() if known else frozenset()

    def unread(self, user: str) -> int:
        """How many messages wait for the user, in all conversations."""
        return self._accounts.known(user).unread

    def page(
        self, user: str, page_token: str, limit: int, others: Iterable[Listed] = ()
    ) -> tuple[list[ConversationView], str]:
        """Newest activity first, as many as fit into a page, among them `others`, which are in
        that order too. NoSuchUser; Invalid for a token of another list."""
        size, space = page_size(limit), limits.PAGE_BYTES_MAX
        before = read_number_token("conversations", page_token) if page_token else None
        me = self._accounts.known(user)
        page: list[ConversationView] = []
        last = 0
        listed: Iterable[Listed] = self._listed(me, before)
        if others:
            listed = merge(listed, others, key=itemgetter(0), reverse=True)
        for activity, make_view in listed:
            if before is not None and activity >= before:
                continue
            view = make_view()
            space -= conversation_bytes(view)
            if len(page) == size or (page and space < 0):
                return page, make_token("conversations", str(last))
            page.append(view)
            last = activity
        return page, ""

    def _listed(self, me: User, before: int | None) -> Iterator[Listed]:
        for address, conversation in reversed(me.conversations.items()):
            if before is not None and conversation.activity >= before:
                continue  # there may be many thousands
            if conversation.shown_to(me.name):
                yield conversation.activity, partial(self._view, me, address, conversation)

    def _view(self, me: User, address: str, conversation: Conversation) -> ConversationView:
        member = conversation.members[me.name]
        last = conversation.messages[conversation.shown_to(me.name) - 1]
        return ConversationView(
            address,
            conversation.seen(last) if last is not GONE else None,
            member.unread,
            self._accounts.known(address).account.deleted,
            muted=member.muted,
            blocked=address in me.account.blocked,
        )

    def messages(
        self, user: str, address: str, page_token: str, limit: int
    ) -> tuple[list[Message], str]:
        """The newest page first, in order of time, with as many messages as fit into it; the
        token leads to the page before it.

        NoSuchUser for an address that nobody has; Invalid for a token of another list.
        """
        size = page_size(limit)
        before = read_number_token("messages", page_token) if page_token else None
        me = self._accounts.known(user)
        conversation = self.at(me, address)
        if conversation is None:
            return [], ""
        count = conversation.shown_to(me.name)
        end = count if before is None else min(max(before - 1, 0), count)
        gone = conversation.gone
        newest = reversed(conversation.messages[max(end - size, gone) : end])
        start = end - fitting(newest)
        shown = [each for each in conversation.messages[start:end] if is_shown(each, me.name)]
        page = conversation.all_seen(shown)
        return page, make_token("messages", str(start + 1)) if start > gone else ""

    # --- changing -------------------------------------------------------------------

    def to_write_in(self, sender: User, address: str) -> Conversation:
        """The conversation at this address, which begins now if there was none. NoSuchUser,
        RecipientDeleted; Invalid for one's own."""
        other = self._accounts.known(address)
        if other.account.deleted:
            raise RecipientDeleted("This account was deleted.")
        if other is sender:
            raise Invalid("recipient", "You cannot write to yourself.")
        # By the accounts' own strings: there is one of each name, not one a conversation.
        return sender.conversations.get(address) or self._begin(of_two(sender.name, other.name))

    def _begin(self, members: dict[str, Member]) -> Conversation:
        conversation = Conversation(members, self._keeper.epoch)
        self.items.append(conversation)
        return conversation

    def add(self, conversation: Conversation, message: Message) -> None:
        """The message is the conversation's next one."""
        self._keeper.keep(conversation)
        self.activity += 1
        conversation.activity = self.activity
        conversation.messages.append(message)
        users, sender = self._accounts.users, message.sender
        for name, member in conversation.members.items():
            user = users[name]
            if not is_shown(message, name):
                member.hidden += 1
            else:
                member.hidden = 0
                member.unread += name != sender
                user.unread += name != sender
            user.touch(member.address, conversation)
        self.hold(message)

    def hold(self, message: Message) -> None:
        """By its id, whatever it was before. One of a room, too."""
        self._usage.take(message, self.by_id.get(message.id))
        self.by_id[message.id] = message

    def release(self, messages: Iterable[Message]) -> None:
        """They are held no more. Of a room, too."""
        for message in messages:
            self._usage.release(message)
            del self.by_id[message.id]

    def expire(self, conversation: Conversation, through: int) -> None:
        """The oldest go, up to this sequence."""
        self._keeper.keep(conversation)
        self.release(conversation.messages[conversation.gone : through])
        users = self._accounts.users
        waited = {name: member.unread for name, member in conversation.members.items()}
        conversation.expire(through, self._keeper.epoch)
        for name, member in conversation.members.items():
            users[name].unread += member.unread - waited[name]

    def read(self, conversation: Conversation, reader: User, limit: int) -> int:
        """Marks the oldest unread messages, at most `limit` (0 = all); how many it marked."""
        self._keeper.keep(conversation)
        marked = conversation.read(reader.name, limit)
        reader.unread -= marked
        return marked

    def mute(self, conversation: Conversation, name: str, muted: bool) -> bool:
        """Whether that is new."""
        member = conversation.members[name]
        if member.muted == muted:
            return False
        self._keeper.keep(conversation)
        member.muted = muted
        return True

    def put(self, message: Message) -> None:
        """The message as it is from now on."""
        conversation = self.of(message)
        self._keeper.keep(conversation)
        conversation.put(message, self._keeper.epoch)
        self.hold(message)

    def unsend(self, message: Message) -> Message:
        """Empties a message that nobody has read."""
        conversation = self.of(message)
        self._keeper.keep(conversation)
        gone = conversation.unsend(message, self._keeper.epoch)
        self.hold(gone)
        for name in conversation.members:
            self._accounts.users[name].unread -= waits_for(message, name)
        return gone
