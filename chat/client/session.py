"""The session: everything the window may ask for.

No method blocks; answers arrive as events. Threads: chat-connection (the stream), chat-outbox
(sending), chat-calls and chat-reads (what a person asked for), chat-monitor (watchdog and status
strip). Called by the Tk thread.
"""

from __future__ import annotations

import platform
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from chat.client import events
from chat.client.account_calls import AccountCalls
from chat.client.acts import Act, Queued
from chat.client.connection import Connection
from chat.client.conversation_calls import ConversationCalls
from chat.client.errors import Cancelled
from chat.client.events import ChatMessage, ClientEvent, Link
from chat.client.leaders import Leaders
from chat.client.monitor import Monitor
from chat.client.outbox import Outbox
from chat.client.pages import READ_WITHIN_S, Pages
from chat.client.password_call import PasswordCall
from chat.client.pinning import pinned_certificate
from chat.client.room_calls import RoomCalls
from chat.client.rows import row_of_queued
from chat.client.search_calls import SearchCalls
from chat.client.sender import Sender
from chat.client.sentences import field_of, sentence
from chat.client.settings import Profile, SignIn
from chat.client.timeline import Timeline
from chat.client.worker import Worker
from chat.core.errors import CallerError, ChatError, SessionEnded
from chat.core.limits import (
    DEVICE_NAME_CHARACTERS_MAX,
    PAGE_SIZE_MAX,
)
from chat.invitation import read_invitation
from chat.rpc import chat_pb2
from chat.tls import Trust

# Closing waits this long for what was asked last, such as the end of a session.
LAST_CALLS_S = 0.5


class ChatSession:
    """`publish` is called on background threads and should put the event on a queue. A `profile`
    remembers the sign-in; starting and stopping it is up to the caller."""

    def __init__(
        self,
        servers: Sequence[str],
        profile_folder: Path,
        publish: Callable[[ClientEvent], None],
        profile: Profile | None = None,
        trust: Trust | None = None,
    ) -> None:
        self._publish = publish
        self._profile = profile
        self._outbox = Outbox(profile_folder / "outbox.jsonl")
        self._leaders = Leaders(servers, publish, trust)
        self._timeline = Timeline(publish, lambda address: self._pages.reload_if_open(address))
        self._connection = Connection(
            self._leaders, self._timeline, publish, self._connected, self._reopen, self._told_of_end
        )
        self._sender = Sender(
            self._outbox, self._leaders, self._timeline, self._connection, publish
        )
        # Reading never waits for a write that no server answers.
        self._worker, self._reads = Worker("chat-calls"), Worker("chat-reads")
        self._monitor = Monitor(
            self._connection.silence_s, self._connection.interrupt, self._is_calm,
            self._ask_leader, self._ask_all,
        )  # fmt: skip
        # Guards the fields below; a leaf, never held over a call or an event.
        self._lock = threading.Lock()
        self._username = self._token = ""
        self._writer = ""  # who writes: the last one signed in, also after the session ended
        self._patient: PasswordCall | None = None  # what is waiting for its turn, or was last
        self._listed = ""  # the newest filter of names
        self._pages = Pages(
            self._read, self._call, self._timeline, publish,
            lambda: self._connection.link is Link.CONNECTED,
        )  # fmt: skip
        self.rooms = RoomCalls(self._ask, self._read, self._call, publish)
        self.conversations = ConversationCalls(
            self._ask, self._read, self._call, lambda: self._connection.link is Link.CONNECTED
        )
        self.searches = SearchCalls(self._read, self._call, self._timeline.rows_of, publish)
        self.account = AccountCalls(self._ask, self._read, self._call, publish)
        self._deletion = ""  # the id of a deletion without an answer; the calls thread's

    def start(self) -> None:
        """Open the outbox (raises OutboxError: another window has it) and start the threads."""
        self._outbox.open()
        known = self._profile.damage if self._profile is not None else ""
        if damage := f"{known} {self._outbox.damage}".strip():
            self._publish(events.DamageFound(damage))
        for part in (self._connection, self._sender, self._worker, self._reads, self._monitor):
            part.start()

    def close(self) -> None:
        """End the threads; what was handed over is on disk. Takes at most about a second."""
        self._sender.stop()
        self._worker.stop(LAST_CALLS_S)
        self._leaders.close()  # ends the calls that the others wait for
        for part in (self._worker, self._reads, self._monitor, self._connection):
            part.stop()
        self._outbox.close()

    @property
    def username(self) -> str:
        """Who is signed in; empty = nobody."""
        return self._username

    # --- the account ----------------------------------------------------------------------

    def join(self, invitation: str) -> None:
        """Done("join", the code in it), and from then on its servers are called, also at the next
        start; or Failed, and nothing has changed. For whoever is not signed in."""

        def job() -> None:
            found = read_invitation(invitation)
            pinned = pinned_certificate(found.servers, found.sha256) if found.sha256 else None
            if self._profile is not None:
                self._profile.keep_servers(found.servers, pinned)
            self._leaders.move(found.servers, Trust(pinned))
            self._publish(events.Done("join", found.code))

        self._ask("join", job)

    def register(self, username: str, password: str, invite: str = "") -> None:
        """Done("register", name as it was normalised) or Failed."""
        request = chat_pb2.RegisterRequest(
            username=username, password=password, request_id=str(uuid.uuid4()), invite=invite
        )

        def job(call: PasswordCall) -> None:
            answer = call.call("Register", request)
            self._publish(events.Done("register", answer.username))

        self._ask_patiently("register", job)

    def sign_in(self, username: str, password: str) -> None:
        """SignedIn or Failed."""
        device = platform.node()[:DEVICE_NAME_CHARACTERS_MAX] or "computer"
        request = chat_pb2.LoginRequest(
            username=username, password=password, device_name=device,
            device_secret=self._device_secret, request_id=str(uuid.uuid4()),
        )  # fmt: skip

        def job(call: PasswordCall) -> None:
            answer = call.call("Login", request)
            expires_at = answer.expires_at.ToNanoseconds() / 1e9
            if self._profile is not None:
                self._profile.keep_sign_in(SignIn(answer.username, answer.token, expires_at))
            self._start_session(answer.username, answer.token)

        self._ask_patiently("sign_in", job)

    @property
    def _device_secret(self) -> str:
        return self._profile.device_secret if self._profile is not None else ""

    def cancel_waiting(self) -> None:
        """Cancels what WaitChanged is about. Nothing follows, unless the answer had already
        arrived."""
        if self._patient is not None:
            self._patient.cancel()

    def resume(self) -> None:
        """SignedIn with the remembered sign-in, even offline; nothing if there is none. Whether it
        has expired is for the servers to say: this computer's clock may be wrong."""
        kept = self._profile.sign_in if self._profile is not None else None
        if kept is not None:
            self._worker.do(lambda: self._start_session(kept.username, kept.token))

    def sign_out(self) -> None:
        """SignedOut at once, even offline; the outbox stays. The servers are told if reachable."""

        def job() -> None:
            token = self._end_session(ended=False)
            self._leaders.call("Logout", chat_pb2.LogoutRequest(), token, within_s=2.0)

        self._ask("sign_out", job)

    def change_password(self, current: str, new: str) -> None:
        """Done("change_password") or Failed; other devices are signed out."""
        request = chat_pb2.ChangePasswordRequest(
            current_password=current, new_password=new, request_id=str(uuid.uuid4()),
            device_secret=self._device_secret,
        )  # fmt: skip

        def job(call: PasswordCall) -> None:
            call.call("ChangePassword", request, self._token)
            self._publish(events.Done("change_password"))

        self._ask_patiently("change_password", job)

    def delete_account(self, password: str) -> None:
        """SignedOut(deleted=True) or Failed."""

        def job(call: PasswordCall) -> None:
            self._deletion = self._deletion or str(uuid.uuid4())
            try:
                self._delete(password, call)
            except Cancelled:
                raise
            except CallerError:
                self._deletion = ""  # answered; while it is not, the account may be gone
                raise

        self._ask_patiently("delete_account", job)

    def _delete(self, password: str, call: PasswordCall) -> None:
        request = chat_pb2.DeleteAccountRequest(password=password, request_id=self._deletion)
        call.call("DeleteAccount", request, self._token)
        if self._profile is not None:
            self._profile.forget(self._username)
        self._sender.forget(self._username)  # nobody can ever send what is waiting
        self._end_session(ended=False, deleted=True)

    # --- reading ----------------------------------------------------------------------------

    def list_users(self, filter: str) -> None:  # noqa: A002 - the wire's word
        """UsersListed (the first ones) or Failed; nothing once another filter was asked for."""
        self._listed = filter

        def job() -> None:
            found: list[events.UserEntry] = []
            token = ""
            while self._listed == filter:
                request = chat_pb2.ListUsersRequest(
                    filter=filter, page_size=PAGE_SIZE_MAX - len(found), page_token=token
                )
                answer = self._leaders.call("ListUsers", request, self._token, READ_WITHIN_S)
                found += (events.UserEntry(user.username, user.online) for user in answer.users)
                token = answer.next_page_token
                if not token or len(found) >= PAGE_SIZE_MAX:  # a page may be short, or empty
                    self._publish(events.UsersListed(filter, tuple(found), bool(token)))
                    return

        self._read("list_users", job)

    def open_conversation(self, address: str) -> None:
        """PageLoaded(newest=True): at once with what is known locally if no server can answer, and
        again once one can."""
        self._pages.open(address)

    def load_older(self, address: str, far: bool = False) -> None:
        """PageLoaded(newest=False) with the page before the loaded ones; `far` makes it a large
        one, for someone heading for a message far back."""
        self._pages.load_older(address, far)

    def search(self, address: str, text: str) -> None:
        """SearchResults: the newest SEARCH_RESULTS_MAX messages that contain the text."""
        self._pages.search(address, text)

    def mark_read(self, address: str, limit: int = 0) -> None:
        """ReadReceipt follows from the stream. `limit` 0 = all."""
        request = chat_pb2.MarkReadRequest(
            contact=address, limit=limit, request_id=str(uuid.uuid4())
        )
        self._ask(
            "mark_read", lambda: self._leaders.call("MarkRead", request, self._token), address,
            key=None if limit else ("mark_read", address),
        )  # fmt: skip

    # --- writing ----------------------------------------------------------------------------

    def send(self, address: str, text: str, in_reply_to: str = "") -> str:
        """Returns the message's id; MessageArrived follows once it is on this computer's disk.
        `in_reply_to` is the id of the message of this conversation that it answers."""
        queued = self._queued(text, Act.SEND, in_reply_to, address)
        self._sender.add(queued)
        return queued.id

    def change(self, message_id: str, act: Act, text: str) -> None:
        """MessageChanged, with what waits for the servers, and again once they have it, or have
        refused it. One that was refused itself is sent again with a new text."""
        self._sender.add(self._queued(text, act, message_id))

    def _queued(self, text: str, act: Act, about: str, address: str = "") -> Queued:
        assert self._writer, "nobody is signed in"
        address, new_id = address or self._timeline.address_of(about), str(uuid.uuid4())
        return Queued(new_id, self._writer, address, text, time.time(), act=act, about=about)

    def retry(self, message_id: str) -> None:
        """A failed message waits again."""
        self._sender.retry(message_id)

    def discard(self, message_id: str) -> None:
        """MessageRemoved, unless the servers already have it."""
        self._sender.discard(message_id)

    def unsend(self, message_id: str) -> None:
        """MessageChanged (mark UNSENT), MessageRemoved if it was still waiting here, or Failed.
        What waits here to change it is discarded."""
        self._sender.discard_changes(message_id)
        if self._outbox.get(message_id) is not None:
            self._sender.discard(message_id, lambda: self._unsend(message_id))
        else:
            self._unsend(message_id)

    def _unsend(self, message_id: str) -> None:
        request = chat_pb2.DeleteUnreadMessageRequest(message_id=message_id)

        def job() -> None:
            asked = self._timeline.mark()
            answer = self._leaders.call("DeleteUnreadMessage", request, self._token)
            self._timeline.take_answer(answer.message, asked)

        self._ask("unsend", job, self._timeline.address_of(message_id))

    def outbox_messages(self) -> tuple[ChatMessage, ...]:
        """What is waiting or has failed here, oldest first; also what changes messages (`act`)."""
        return tuple(row_of_queued(item) for item in self._sender.messages(self._username))

    # --- the connection ---------------------------------------------------------------------

    def try_now(self) -> None:
        """Cut short the wait before the next attempt."""
        if self._connection.link is not Link.CONNECTED:
            self._connection.interrupt()

    def refresh_cluster(self) -> None:
        """ClusterChanged follows."""
        self._monitor.ask_now()

    def set_seen(self, is_seen: bool) -> None:
        """Whether anyone can see the window; while nobody can, ClusterChanged is less frequent."""
        self._monitor.set_seen(is_seen)

    # --- inside -----------------------------------------------------------------------------

    def _ask(
        self, action: str, job: Callable[[], Any], address: str = "", key: object = None
    ) -> None:
        """Run a job on the calls thread; a failure becomes a sentence."""
        self._worker.do(self._guarded(action, job, address), key)

    def _call(self, method: str, request: Any, within_s: float) -> Any:
        return self._leaders.call(method, request, self._token, within_s)

    def _ask_patiently(self, action: str, job: Callable[[PasswordCall], Any]) -> None:
        """A call that may have to wait for its turn; `cancel_waiting` ends it."""
        call = self._patient = self._patient_call(action)
        self._ask(action, lambda: job(call))

    def _patient_call(self, action: str) -> PasswordCall:
        return PasswordCall(self._leaders, self._publish, action)

    def _read(self, action: str, job: Callable[[], Any], address: str = "") -> None:
        """Run a job on the reads thread; only the newest of each action matters."""
        self._reads.do(self._guarded(action, job, address), action)

    def _guarded(self, action: str, job: Callable[[], Any], address: str) -> Callable[[], None]:
        def guarded() -> None:
            token = self._token
            try:
                job()
            except ChatError as error:
                if isinstance(error, SessionEnded) and token:
                    self._told_of_end(token)
                elif isinstance(error, Cancelled):
                    pass  # the person knows
                elif action != "sign_out":  # on this side it is over in any case
                    text, field = sentence(error, action, address), field_of(error, action)
                    self._publish(events.Failed(action, text, field, address))

        return guarded

    def _is_calm(self) -> bool:
        return self._connection.link in (Link.CONNECTED, Link.OFFLINE)

    def _ask_leader(self) -> None:
        self._connection.surveyed(self._leaders.ask_leader())

    def _ask_all(self) -> None:
        self._connection.surveyed(self._leaders.find())

    def _start_session(self, username: str, token: str) -> None:
        with self._lock:
            self._username, self._token = username, token
            self._writer = username
        self._deletion = ""
        self._timeline.begin(username, self._sender.messages)
        self._pages.begin()  # afterwards: no page for whoever was signed in before comes now
        self._publish(events.SignedIn(username))
        if self.outbox_messages():
            self._timeline.relist()  # what is waiting here is shown before any server answers
        self._sender.use(username, token)
        self._connection.use(token)

    def _end_session(self, ended: bool, deleted: bool = False) -> str:
        with self._lock:
            username, token = self._username, self._token
            self._username = self._token = ""
        if not token:
            return ""
        self._connection.use("")
        self._sender.use("", "")
        self._timeline.begin("", self._sender.messages)
        if self._profile is not None:
            self._profile.keep_sign_in(None)
        self._publish(events.SignedOut(username, ended, deleted))
        return token

    def _told_of_end(self, token: str) -> None:
        """Queued behind the calls: the stream, or a read, may learn that the account is deleted
        before the call that deleted it has its answer."""
        self._worker.do(lambda: self._ended(token))

    def _ended(self, token: str) -> None:
        """The servers ended the session with this token (which may be an older one)."""
        if token != self._token:
            return
        if self._deletion:  # perhaps that is the reason
            with suppress(ChatError):
                self._delete("", self._patient_call("delete_account"))
                return
        self._end_session(ended=True)

    def _connected(self) -> None:
        self._sender.connected()
        self._pages.connected()

    def _reopen(self) -> None:
        """Events were lost for good: reload what is open once connected."""
        self._pages.lost()
