"""Accounts with their sessions and devices, and the names that are taken."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import replace

from chat.core import limits
from chat.core.errors import BadCredentials, NoSuchUser, SessionEnded
from chat.core.state.model import Account, Device, Session
from chat.core.state.tables.clock import Clock
from chat.core.state.tables.keeping import Keeper
from chat.core.state.tables.names import page_of_names
from chat.core.state.tables.records import User


class Accounts:
    """`users` are the records by name, in the order in which they were made."""

    __slots__ = ("_clock", "_keeper", "_names", "_sessions", "_skeletons", "users")

    def __init__(self, keeper: Keeper, clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock
        self.users: dict[str, User] = {}
        self._sessions: dict[str, Session] = {}
        self._skeletons: dict[str, str] = {}
        self._names: list[str] = []  # of those that are there, in order

    def load(self, users: Iterable[User]) -> None:
        """Into an empty table; ValueError where two cannot be in one."""
        for user in users:
            if user.name in self.users:
                raise ValueError(f"the account {user.name!r} is there twice")
            self._take(user)
            if not user.account.deleted:
                self._names.append(user.name)
        self._names.sort()
        if len(self._sessions) != sum(len(user.sessions) for user in self.users.values()):
            raise ValueError("a session is there twice")

    def _take(self, user: User) -> None:
        self.users[user.name] = user
        self._sessions.update((session.token_hash, session) for session in user.sessions)
        if user.account.skeleton:
            self._skeletons[user.account.skeleton] = user.name

    # --- asking ---------------------------------------------------------------------

    def __len__(self) -> int:
        """How many there are, deleted ones too: of these names none is ever given again."""
        return len(self.users)

    @property
    def present_count(self) -> int:
        """Without those that are deleted."""
        return len(self._names)

    def names(self) -> Iterator[str]:
        """Of all accounts, in the order in which they were made."""
        return iter(self.users)

    def find(self, name: str) -> Account | None:
        """Deleted accounts too: look at `deleted`."""
        user = self.users.get(name)
        return user.account if user else None

    def looks_like(self, skeleton: str) -> str | None:
        """Whose name looks like this."""
        return self._skeletons.get(skeleton)

    def session(self, token_hash: str, now: int = 0) -> Session | None:
        """None when unknown, ended or expired at `now` (milliseconds since 1970)."""
        session = self._sessions.get(token_hash)
        if session is None or session.expires_at <= now:
            return None
        return session

    def shows_presence(self, name: str, to: str) -> bool:
        """Whether the one may see that the other is online; everyone sees themselves."""
        one, other = self.users[name].account, self.users[to].account
        blocked = to in one.blocked or name in other.blocked
        return name == to or not (one.hides_presence or blocked)

    def devices(self, name: str) -> tuple[Device, ...]:
        """The known ones, of nobody for an unknown name."""
        user = self.users.get(name)
        if user is None:
            return ()
        since = self._clock.age - limits.DEVICE_KNOWN_MS
        return tuple(device for device in user.account.devices if device.seen_at > since)

    def page(self, pattern: str, page_token: str, limit: int) -> tuple[list[str], str]:
        """Names that match, in order; an empty pattern is everyone. A page ends where it is full
        or enough names were looked at: it may be empty, and others follow. Invalid for a token
        of another list."""
        return page_of_names("users", self._names, pattern, page_token, limit)

    def known(self, name: str) -> User:
        """Deleted accounts too; NoSuchUser."""
        user = self.users.get(name)
        if user is None:
            raise NoSuchUser("There is nobody of that name.")
        return user

    def present(self, name: str) -> User:
        """NoSuchUser for a deleted account, too."""
        user = self.users.get(name)
        if user is None or user.account.deleted:
            raise NoSuchUser("There is nobody of that name.")
        return user

    def caller(self, name: str) -> User:
        """SessionEnded when the account went away after the leader looked at the token."""
        user = self.users.get(name)
        if user is None or user.account.deleted:
            raise SessionEnded("This account does not exist any more.")
        return user

    def checked(self, user: User, password_hash: str) -> None:
        """BadCredentials unless this still is the hash that the leader checked against."""
        if user.account.password_hash != password_hash:
            raise BadCredentials("The name or the password is wrong.")

    # --- changing -------------------------------------------------------------------

    def add(self, account: Account) -> None:
        self._take(User(account, self._keeper.epoch))
        insort(self._names, account.username)

    def remove(self, user: User) -> tuple[str, ...]:
        """The name stays taken. Answers the sessions that ended, by their token hashes."""
        gone = replace(user.account, password_hash="", deleted=True, devices=(), disabled=False)
        gone = replace(gone, hides_presence=False, blocked=())
        self.change(user, gone)
        del self._names[bisect_left(self._names, user.name)]
        return self.keep_sessions(user, ())

    def change(self, user: User, account: Account) -> None:
        self._keeper.keep(user)
        user.account = account

    def open_session(self, user: User, session: Session) -> tuple[str, ...]:
        """Answers those that it pushed out, by their token hashes."""
        # Those that have expired are the oldest: they go first without being looked for.
        kept = (*user.sessions, session)[-limits.SESSIONS_PER_USER_MAX :]
        ended = self.keep_sessions(user, kept)
        self._sessions[session.token_hash] = session
        return ended

    def use_session(self, session: Session) -> None:
        user, used = self.users[session.username], replace(session, noted_at=self._clock.now)
        self._keeper.keep(user)
        user.sessions = tuple(used if each is session else each for each in user.sessions)
        self._sessions[session.token_hash] = used

    def keep_sessions(self, user: User, kept: tuple[Session, ...]) -> tuple[str, ...]:
        """The token hashes of the sessions that were not kept."""
        ended = tuple(s.token_hash for s in user.sessions if s not in kept)
        for token_hash in ended:
            del self._sessions[token_hash]
        self._keeper.keep(user)
        user.sessions = kept
        return ended

    def keep_device(self, user: User, secret_hash: str) -> None:
        """It is the one seen last, and pushes out the one not seen for longest."""
        others = [d for d in self.devices(user.name) if d.secret_hash != secret_hash]
        devices = (*others, Device(secret_hash, self._clock.age))[-limits.DEVICES_PER_USER_MAX :]
        self.change(user, replace(user.account, devices=devices))
