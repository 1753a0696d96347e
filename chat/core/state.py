"""ChatState: everything the servers agree on; applies operations, answers queries.

Pure and deterministic: the same operations in the same order give the same
state on every server. One caller at a time; only snapshots leave the thread.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Set
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from chat.core import limits
from chat.core.errors import (
    AlreadyRead,
    BadCredentials,
    ChatError,
    IdReused,
    Invalid,
    NameTaken,
    NoSuchMessage,
    NoSuchUser,
    RecipientDeleted,
    SessionEnded,
)
from chat.core.model import (
    Account,
    AccountRemoved,
    ConversationView,
    Device,
    EventKind,
    Message,
    MessagePosted,
    MessagesRead,
    MessageStatus,
    MessageUnsent,
    Outcome,
    Session,
    Told,
    UserEvent,
)
from chat.core.operations import (
    EndSession,
    OpenSession,
    Operation,
    PostMessage,
    ReadMessages,
    RegisterUser,
    RemoveAccount,
    SetPassword,
    UnsendMessage,
)
from chat.core.paging import (
    fitting,
    make_token,
    message_bytes,
    page_size,
    read_number_token,
    read_token,
)
from chat.core.records import (
    Conversation,
    FinishedRequest,
    KeptEvent,
    RequestTable,
    UnsentMark,
    User,
)
from chat.core.snapshot import Contents, Snapshot
from chat.core.wildcard import Wildcard

# The last code point, which no name has.
_BEYOND_ANY_NAME: Final = "\U0010ffff"


class ChatState:
    """`clock` is the time of the newest operation, in milliseconds since 1970. It is shown to
    people and decides nothing: order is by sequence, and whether a session has expired is for
    the leader to say, which knows more clocks than one."""

    def __init__(self, contents: Contents | None = None) -> None:
        self._contents = contents or Contents()
        self._users = self._contents.users
        self._requests: RequestTable = self._contents.requests
        self._messages = self._contents.messages
        self._sessions = {
            session.token_hash: session
            for user in self._users.values()
            for session in user.sessions
        }
        self._skeletons = {
            user.account.skeleton: name
            for name, user in self._users.items()
            if user.account.skeleton
        }
        self._names = sorted(name for name, user in self._users.items() if not user.account.deleted)

    # --- writing ------------------------------------------------------------------

    def apply(self, operation: Operation) -> Outcome:
        """Full effect, or none and a ChatError as the result; never raises for the world.

        Time passes either way: the clock follows `operation.at`.
        """
        self._pass_time(operation.at)
        self._requests.forget_before(self._contents.age - limits.REQUEST_IDS_KEPT_MS)
        try:
            return self._dispatch(operation)
        except ChatError as error:
            return Outcome(error)

    def _pass_time(self, at: int) -> None:
        """A leader whose clock is a little behind the last one's takes no time back; a big step
        back ends what was a jump ahead. What has to grow old counts steps of bounded length
        and no step back, so that no jump makes it much older, and none keeps it for ever."""
        contents = self._contents
        passed = at - contents.clock
        if passed > 0:
            contents.age += min(passed, limits.REQUEST_IDS_STEP_MAX_MS)
        if passed > 0 or passed < -limits.CLOCK_SKEW_MAX_MS:
            contents.clock = at

    def _dispatch(self, operation: Operation) -> Outcome:
        match operation:
            case PostMessage():
                return self._post(operation)
            case ReadMessages():
                return self._read(operation)
            case UnsendMessage():
                return self._unsend(operation)
            case RegisterUser():
                return self._register(operation)
            case OpenSession():
                return self._open_session(operation)
            case EndSession():
                return self._end_session(operation)
            case SetPassword():
                return self._set_password(operation)
            case RemoveAccount():
                return self._remove_account(operation)
        raise AssertionError(f"unknown operation {type(operation).__name__}")

    def _register(self, operation: RegisterUser) -> Outcome:
        name = operation.username
        if self._requests.find(operation.request_id, "RegisterUser", name):
            return Outcome(name)
        if name in self._users:
            raise NameTaken("This name is taken.")
        if owner := self._skeletons.get(operation.skeleton):
            raise NameTaken("This name looks like one that is taken.", looks_like=owner)
        account = Account(name, operation.password_hash, self.clock, skeleton=operation.skeleton)
        if operation.skeleton:
            self._skeletons[operation.skeleton] = name
        self._users[name] = User(account, self._contents.epoch)
        insort(self._names, name)
        self._remember(operation.request_id, "RegisterUser", name)
        return Outcome(name)

    def _open_session(self, operation: OpenSession) -> Outcome:
        user = self._users.get(operation.username)
        if user is None or user.account.deleted:
            raise BadCredentials("The name or the password is wrong.")
        known = self._sessions.get(operation.token_hash)
        if known is not None:
            if known.username != user.name:
                raise IdReused("This token is in use.")
            return Outcome(known)
        self._check_password(user, operation.checked_hash)
        session = Session(
            operation.token_hash,
            user.name,
            operation.device_name,
            self.clock,
            operation.expires_at,
        )
        # Those that have expired are the oldest: they go first without being looked for.
        kept = (*user.sessions, session)[-limits.SESSIONS_PER_USER_MAX :]
        ended = self._keep_sessions(user, kept)
        self._sessions[session.token_hash] = session
        if operation.device_hash:
            self._keep_device(user, operation.device_hash)
        return Outcome(session, ended=ended)

    def _end_session(self, operation: EndSession) -> Outcome:
        session = self._sessions.get(operation.token_hash)
        if session is None:
            return Outcome(None)
        user = self._users[session.username]
        kept = tuple(s for s in user.sessions if s is not session)
        return Outcome(None, ended=self._keep_sessions(user, kept))

    def _set_password(self, operation: SetPassword) -> Outcome:
        if self._requests.find(operation.request_id, "SetPassword", operation.username):
            return Outcome(None)
        user = self._caller(operation.username)
        self._check_password(user, operation.checked_hash)
        self._contents.keep(user)
        devices = tuple(d for d in user.account.devices if d.secret_hash == operation.device_hash)
        user.account = replace(user.account, password_hash=operation.password_hash, devices=devices)
        kept = tuple(s for s in user.sessions if s.token_hash == operation.token_hash)
        ended = self._keep_sessions(user, kept)
        self._remember(operation.request_id, "SetPassword", user.name)
        return Outcome(None, ended=ended)

    def _remove_account(self, operation: RemoveAccount) -> Outcome:
        if self._requests.find(operation.request_id, "RemoveAccount", operation.username):
            return Outcome(None)
        user = self._caller(operation.username)
        self._check_password(user, operation.checked_hash)
        self._contents.keep(user)
        user.account = replace(user.account, password_hash="", deleted=True, devices=())
        ended = self._keep_sessions(user, ())
        del self._names[bisect_left(self._names, user.name)]
        self._remember(operation.request_id, "RemoveAccount", user.name)
        removed = AccountRemoved(user.name)
        return Outcome(None, self._tell(user.conversations, removed, removed), ended)

    def _post(self, operation: PostMessage) -> Outcome:
        sender = self._caller(operation.sender)
        known = self._messages.get(operation.message_id)
        if known is not None:
            return Outcome(self._posted_before(known, operation))
        recipient = self._users.get(operation.recipient)
        if recipient is None:
            raise NoSuchUser("There is nobody of that name.")
        if recipient.account.deleted:
            raise RecipientDeleted("This account was deleted.")
        if recipient is sender:
            raise Invalid("recipient", "You cannot write to yourself.")
        message = self._add_message(operation, sender, recipient)
        people = (sender.name, recipient.name)
        return Outcome(message, self._tell(people, message.id, MessagePosted(message)))

    def _posted_before(self, known: Message, operation: PostMessage) -> Message:
        """The text of a message that was taken back is gone and cannot be compared."""
        same_people = (known.sender, known.recipient) == (operation.sender, operation.recipient)
        same_text = known.status is MessageStatus.DELETED or known.text == operation.text
        if not (same_people and same_text):
            raise IdReused("This message id was already used for another message.")
        return self._seen(known)

    def _add_message(self, operation: PostMessage, sender: User, recipient: User) -> Message:
        conversation = sender.conversations.get(recipient.name)
        if conversation is None:
            conversation = Conversation((sender.name, recipient.name), self._contents.epoch)
            self._contents.conversations.append(conversation)
        message = Message(
            operation.message_id,
            sender.name,
            recipient.name,
            operation.text,
            self.clock,
            len(conversation.messages) + 1,
        )
        self._contents.keep(conversation)
        self._contents.activity += 1
        conversation.activity = self._contents.activity
        conversation.messages.append(message)
        conversation.unread[recipient.name] += 1
        recipient.unread += 1
        sender.touch(recipient.name, conversation)
        recipient.touch(sender.name, conversation)
        self._messages[message.id] = message
        return message

    def _read(self, operation: ReadMessages) -> Outcome:
        about = f"{operation.limit} {operation.contact}"
        reader = self._caller(operation.reader)
        done = self._requests.find(operation.request_id, "ReadMessages", reader.name, about)
        if done is not None:
            return Outcome(done.marked)
        if operation.contact not in self._users:
            raise NoSuchUser("There is nobody of that name.")
        if operation.limit < 0:
            raise Invalid("limit", "A limit cannot be negative.")
        conversation = reader.conversations.get(operation.contact)
        marked = 0
        if conversation is not None:
            self._contents.keep(conversation)
            marked = conversation.read(reader.name, operation.limit)
        reader.unread -= marked
        self._remember(operation.request_id, "ReadMessages", reader.name, about, marked)
        if conversation is None or not marked:
            return Outcome(0)
        contact = self._users[operation.contact].name
        through = conversation.read_through[reader.name]
        event = MessagesRead(reader.name, contact, through, marked)
        return Outcome(marked, self._tell((reader.name, contact), event, event))

    def _unsend(self, operation: UnsendMessage) -> Outcome:
        sender = self._caller(operation.sender)
        message = self._messages.get(operation.message_id)
        if message is None or message.sender != sender.name:
            raise NoSuchMessage("There is no such message of yours.")
        if message.status is MessageStatus.DELETED:
            return Outcome(message)
        conversation = sender.conversations[message.recipient]
        if not conversation.is_waiting(message, message.recipient):
            raise AlreadyRead("This message was read already.")
        self._contents.keep(conversation)
        gone = conversation.unsend(message, self._contents.epoch)
        self._messages[gone.id] = gone
        self._users[gone.recipient].unread -= 1
        people = (sender.name, gone.recipient)
        return Outcome(gone, self._tell(people, UnsentMark(gone.id), MessageUnsent(gone)))

    def _caller(self, name: str) -> User:
        """SessionEnded when the account went away after the leader looked at the token."""
        user = self._users.get(name)
        if user is None or user.account.deleted:
            raise SessionEnded("This account does not exist any more.")
        return user

    def _check_password(self, user: User, checked_hash: str) -> None:
        if user.account.password_hash != checked_hash:
            raise BadCredentials("The name or the password is wrong.")

    def _keep_device(self, user: User, secret_hash: str) -> None:
        """It is the one seen last, and pushes out the one not seen for longest."""
        others = [d for d in self.devices(user.name) if d.secret_hash != secret_hash]
        devices = (*others, Device(secret_hash, self._contents.age))[-limits.DEVICES_PER_USER_MAX :]
        self._contents.keep(user)
        user.account = replace(user.account, devices=devices)

    def _keep_sessions(self, user: User, kept: tuple[Session, ...]) -> tuple[str, ...]:
        """The token hashes of the sessions that were not kept."""
        ended = tuple(s.token_hash for s in user.sessions if s not in kept)
        for token_hash in ended:
            del self._sessions[token_hash]
        self._contents.keep(user)
        user.sessions = kept
        return ended

    def _remember(
        self, request_id: str, operation: str, username: str, about: str = "", marked: int = 0
    ) -> None:
        age = self._contents.age
        self._requests.add(FinishedRequest(request_id, operation, username, about, marked, age))

    def _tell(self, names: Iterable[str], kept: KeptEvent, kind: EventKind) -> Told:
        """Adds an event to those of `names` whose accounts are still there. All contacts of a
        deleted account are told at once, so a name must take less than a microsecond."""
        cursors: dict[str, int] = {}
        users, keep, epoch = self._users, self._contents.keep, self._contents.epoch
        for name in names:
            user = users[name]
            if not user.account.deleted:
                if user.epoch != epoch:
                    keep(user)
                cursors[name] = user.events.append(kept)
        return Told(kind, cursors)

    def _seen(self, message: Message) -> Message:
        conversation = self._users[message.sender].conversations[message.recipient]
        return conversation.seen(message)

    # --- asking ---------------------------------------------------------------------

    @property
    def clock(self) -> int:
        return self._contents.clock

    @property
    def accounts(self) -> int:
        """How many there are, deleted ones too: of these names none is ever given again."""
        return len(self._users)

    def account_names(self) -> Iterator[str]:
        """Of all accounts, in the order in which they were made."""
        return iter(self._users)

    def account(self, name: str) -> Account | None:
        """Deleted accounts too: look at `deleted`."""
        user = self._users.get(name)
        return user.account if user else None

    def session(self, token_hash: str, now: int = 0) -> Session | None:
        """None when unknown, ended or expired at `now` (milliseconds since 1970)."""
        session = self._sessions.get(token_hash)
        if session is None or session.expires_at <= now:
            return None
        return session

    def devices(self, name: str) -> tuple[Device, ...]:
        """The known ones, of nobody for an unknown name."""
        user = self._users.get(name)
        if user is None:
            return ()
        since = self._contents.age - limits.DEVICE_KNOWN_MS
        return tuple(device for device in user.account.devices if device.seen_at > since)

    def sessions_of(self, name: str) -> tuple[Session, ...]:
        """Oldest first, expired ones too."""
        return self._known(name).sessions

    def finished(self, request_id: str, operation: type[Any], username: str = "") -> bool:
        """Whether this request of this user (without a name: of whoever made the id) had its
        effect already: a password that was just changed cannot be checked against the current
        hash when the call is repeated."""
        found = self._requests.by_id.get(request_id) if request_id else None
        if found is None:
            return False
        return found.matches(operation.__name__, username or found.username, found.about)

    def message(self, message_id: str) -> Message | None:
        message = self._messages.get(message_id)
        return self._seen(message) if message else None

    def user_page(self, pattern: str, page_token: str, limit: int) -> tuple[list[str], str]:
        """Names that match, in order; an empty pattern is everyone. A page ends where it is full
        or enough names were looked at: it may be empty, and others follow. Invalid for a token
        of another list."""
        size = page_size(limit)
        after = read_token("users", page_token) if page_token else ""
        wildcard = Wildcard(pattern or "*")
        names, prefix = self._names, wildcard.prefix
        start = max(bisect_left(names, prefix), bisect_right(names, after))
        end = bisect_left(names, prefix + _BEYOND_ANY_NAME)
        looked_to = min(end, start + limits.NAMES_COST_MAX // wildcard.cost)
        found: list[str] = []
        for name in islice(names, start, looked_to):
            if wildcard.matches(name):
                if len(found) == size:
                    return found, make_token("users", found[-1])
                found.append(name)
        return found, make_token("users", names[looked_to - 1]) if looked_to < end else ""

    def conversations(
        self, user: str, page_token: str, limit: int
    ) -> tuple[list[ConversationView], str]:
        """Newest activity first, as many as fit into a page. NoSuchUser; Invalid for a token
        of another list."""
        size, room = page_size(limit), limits.PAGE_BYTES_MAX
        before = read_number_token("conversations", page_token) if page_token else None
        me = self._known(user)
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
            self._users[contact].account.deleted,
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
        me = self._known(user)
        self._known(contact)
        conversation = me.conversations.get(contact)
        if conversation is None:
            return [], ""
        count = len(conversation.messages)
        end = count if before is None else min(max(before - 1, 0), count)
        newest = reversed(conversation.messages[max(end - size, 0) : end])
        start = end - fitting(newest)
        page = [conversation.seen(message) for message in conversation.messages[start:end]]
        return page, make_token("messages", str(start + 1)) if start else ""

    def events_after(self, user: str, cursor: int, limit: int) -> list[UserEvent]:
        """At most `limit` events; CursorExpired when some after `cursor` are not kept.

        Messages come as they now are: one that was taken back has no text any more.
        """
        window = self._known(user).events
        return [UserEvent(at, self._shown(kept)) for at, kept in window.after(cursor, limit)]

    def _shown(self, kept: KeptEvent) -> EventKind:
        if isinstance(kept, str):
            return MessagePosted(self._seen(self._messages[kept]))
        if isinstance(kept, UnsentMark):
            return MessageUnsent(self._messages[kept.message_id])
        return kept

    def cursor(self, user: str) -> int:
        return self._known(user).events.cursor

    def unread_total(self, user: str) -> int:
        return self._known(user).unread

    def contacts(self, user: str) -> Set[str]:
        """Everyone with whom `user` has a conversation: a view, which changes with the state."""
        known = self._users.get(user)
        return known.conversations.keys() if known else frozenset()

    def _known(self, name: str) -> User:
        user = self._users.get(name)
        if user is None:
            raise NoSuchUser("There is nobody of that name.")
        return user

    # --- keeping ---------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """The state as of now, without copying it; any thread may write it out."""
        return self._contents.snapshot()
