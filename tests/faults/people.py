"""Concurrent users of the chat: they write, read, mark and unsend, and note what they saw.

Each has a thread and the real client's `Leaders`: what fails is repeated with the same id at
whoever leads then. A live stream a person is followed beside it.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc

from chat import wire
from chat.client.leaders import metadata_of
from chat.core.errors import AlreadyRead, ClusterError
from chat.core.limits import PAGE_SIZE_MAX
from chat.rpc import chat_pb2
from tests.faults.history import UNKNOWN, Call, Line, Mark, Op, Page, Pair, Send, Unsend, check
from tests.faults.processes import DEADLINE_S, Servers, until
from tests.faults.seed import token_of

_STATUS = {
    chat_pb2.STATUS_UNREAD: "unread",
    chat_pb2.STATUS_READ: "read",
    chat_pb2.STATUS_DELETED: "deleted",
}
_PAGE_LINES = 20
# A server that stands still leaves calls without an answer: then ask who leads by now.
_ATTEMPT_S = 1.0
_FIRST_CURSOR = 1  # of the host's welcome, see `seed`


def text_of(message_id: str) -> str:
    """Every sixteenth is nearly as large as can be."""
    rest = "and so on, " * (1_300 if message_id[0] == "0" else 3)
    return f"This is {message_id}: “größer”\n\t{rest}"


def line_of(message: chat_pb2.Message) -> Line:
    status = _STATUS[message.status]
    expected = "" if status == "deleted" else text_of(message.id)
    assert message.text == expected, f"{message.id} has another text: {message.text!r}"
    return Line(message.id, message.sender, status)


@dataclass(frozen=True, slots=True)
class Answer:
    """A write that succeeded: when, and which server answered it."""

    at: float
    leader_id: int


@dataclass
class Person:
    """One end of a conversation. `history` and `answers` are the thread's own until it ends."""

    servers: Servers
    name: str
    contact: str
    within_s: float = DEADLINE_S  # after which a call is given up
    pause_s: float = 0.005
    per_second: float = 0.0  # 0 = as the pauses allow; else nothing but sends, at this rate
    history: list[Op] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pair: Pair = (min(self.name, self.contact), max(self.name, self.contact))
        self._leaders = self.servers.leaders()
        self._random = random.Random(self.name)
        self._sent: list[str] = []
        self.trouble = ""  # the last one that was not the person's own fault
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"person-{self.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Lets the thread finish its call; raises what it met."""
        self._stop.set()
        self._thread.join(2 * DEADLINE_S)
        assert not self._thread.is_alive(), f"{self.name} hangs"
        if self._failure is not None:
            raise self._failure

    @property
    def failed(self) -> bool:
        return self._failure is not None

    def close(self) -> None:
        self._stop.set()
        self._leaders.close()

    def _run(self) -> None:
        try:
            if self.per_second:
                self._send_steadily()
            while not self._stop.is_set():
                self.act()
                self._stop.wait(self.pause_s)
        except BaseException as error:
            self._failure = error

    def _send_steadily(self) -> None:
        """After a delay the next ones follow at once: the rate is what was asked for."""
        due = time.monotonic() + self._random.random() / self.per_second
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self.send()
            due += 1 / self.per_second

    def act(self) -> None:
        kind = self._random.random()
        if kind < 0.65:
            self.send()
        elif kind < 0.8:
            self.read()
        elif kind < 0.9 or not self._sent:
            self.mark(self._random.randrange(4))
        else:
            self.unsend(self._random.choice(self._sent[-3:]))

    # --- the calls ----------------------------------------------------------------------

    def send(self) -> bool:
        """Whether it was acknowledged."""
        message_id = str(uuid.uuid4())
        request = chat_pb2.SendMessageRequest(
            message_id=message_id, recipient=self.contact, text=text_of(message_id)
        )

        def answered(response: Any) -> Call:
            return Send(message_id, self.name, response.message.sequence)

        known = self._call("SendMessage", request, Send(message_id, self.name), answered)
        if known:
            self._sent.append(message_id)
        return known

    def mark(self, limit: int) -> bool:
        request = chat_pb2.MarkReadRequest(
            contact=self.contact, limit=limit, request_id=str(uuid.uuid4())
        )
        asked = Mark(self.name, limit)
        return self._call("MarkRead", request, asked, lambda r: Mark(self.name, limit, r.marked))

    def unsend(self, message_id: str) -> bool:
        request = chat_pb2.DeleteUnreadMessageRequest(message_id=message_id)

        def answered(response: Any) -> Call:
            return Unsend(message_id, response is not None)

        return self._call("DeleteUnreadMessage", request, Unsend(message_id), answered)

    def read(self, lines: int = _PAGE_LINES) -> bool:
        """The newest page; one without an answer tells nothing and is not noted."""
        request = chat_pb2.ReceiveMessagesRequest(contact=self.contact, page_size=lines)
        return self._call("ReceiveMessages", request, None, _page)

    def read_all(self) -> Page:
        """Page by page; only when nobody writes."""
        invoked = time.monotonic()
        messages: list[chat_pb2.Message] = []
        request = chat_pb2.ReceiveMessagesRequest(contact=self.contact, page_size=PAGE_SIZE_MAX)
        while True:
            answer = self._ask("ReceiveMessages", request)
            messages[:0] = answer.messages
            request.page_token = answer.next_page_token
            if not request.page_token:
                break
        assert [m.sequence for m in messages] == list(range(1, len(messages) + 1))
        page = Page(tuple(map(line_of, messages)), len(messages))
        self.history.append(Op(self.pair, page, invoked, time.monotonic()))
        return page

    def _ask(self, method: str, request: Any) -> Any:
        """The same request again and again, so that it has its effect at most once."""
        give_up_at = time.monotonic() + self.within_s
        while True:
            try:
                return self._leaders.call(method, request, token_of(self.name), _ATTEMPT_S)
            except ClusterError as error:
                self.trouble = f"{method}: {error}"
                if time.monotonic() > give_up_at:
                    raise

    def _call(
        self, method: str, request: Any, asked: Call | None, answered: Callable[[Any], Call]
    ) -> bool:
        invoked = time.monotonic()
        try:
            answer = self._ask(method, request)
        except AlreadyRead:
            answer = None
        except ClusterError:
            if asked is not None:
                self.history.append(Op(self.pair, asked, invoked, UNKNOWN))
            return False
        returned = time.monotonic()
        self.history.append(Op(self.pair, answered(answer), invoked, returned))
        leader = self._leaders.current
        if asked is not None and leader is not None:
            self.answers.append(Answer(returned, leader.server_id))
        return True


def _page(answer: chat_pb2.ReceiveMessagesResponse) -> Page:
    messages = answer.messages
    count = messages[-1].sequence if messages else 0
    sequences = [message.sequence for message in messages]
    assert sequences == list(range(count - len(messages) + 1, count + 1)), sequences
    return Page(tuple(map(line_of, messages)), count)


class Follower:
    """The live stream of one person, resumed after its last cursor wherever it breaks."""

    def __init__(self, servers: Servers, name: str) -> None:
        self.name = name
        self.cursor = _FIRST_CURSOR
        self.lines: dict[str, Line] = {}
        self.places: dict[str, int] = {}
        self.breaks = 0
        self._leaders = servers.leaders()
        self._call: Any = None
        self._closed = threading.Event()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"stream-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._call is not None:
            self._call.cancel()
        self._leaders.close()
        if self._thread.is_alive():
            self._thread.join(DEADLINE_S)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._follow()
            except grpc.RpcError:
                self.breaks += 1
                leader = self._leaders.current
                if leader is not None:
                    self._leaders.forget(leader)
                self._closed.wait(0.05)
            except BaseException as error:
                if not self._closed.is_set():
                    self.failure = error
                return

    def _follow(self) -> None:
        leader = self._leaders.current or self._leaders.find().leader
        if leader is None:
            self._closed.wait(0.05)
            return
        request = chat_pb2.SubscribeRequest(after=self.cursor, bundles=True)
        stub = self._leaders.stub(leader.address)
        self._call = stub.Subscribe(request, metadata=metadata_of(token_of(self.name)))
        for event in wire.each_event(self._call):
            self._take(event)

    def _take(self, event: chat_pb2.Event) -> None:
        kind = event.WhichOneof("kind")
        if kind in ("heartbeat", "presence"):
            return
        assert event.cursor == self.cursor + 1, (
            f"the stream of {self.name} goes from {self.cursor} to {event.cursor}"
        )
        if kind == "read":
            self._read(event.read)
        else:
            message = event.message if kind == "message" else event.deleted
            self.places[message.id] = message.sequence
            # A replayed event shows the message as it is now, which later events repeat.
            self.lines[message.id] = line_of(message)
        self.cursor = event.cursor

    def _read(self, receipt: chat_pb2.ReadReceipt) -> None:
        for one, line in self.lines.items():
            read = line.sender == receipt.sender and self.places[one] <= receipt.through_sequence
            if read and line.status == "unread":
                self.lines[one] = line._replace(status="read")


class Crowd:
    """Pairs of people who talk to each other until `finish`, as a context manager."""

    def __init__(self, servers: Servers, names: Sequence[str], **options: Any) -> None:
        """Names in the order first pair, second pair, …"""
        pairs = list(zip(names[::2], names[1::2], strict=True))
        self.people = [
            Person(servers, name, contact, **options)
            for first, second in pairs
            for name, contact in ((first, second), (second, first))
        ]
        self.followers = [Follower(servers, name) for name in names]

    def __enter__(self) -> Crowd:
        for follower in self.followers:
            follower.start()
        for person in self.people:
            person.start()
        return self

    def __exit__(self, *_: object) -> None:
        for person in self.people:
            person.close()
        for follower in self.followers:
            follower.close()

    def acknowledged(self) -> int:
        return sum(len(person.answers) for person in self.people)

    def wait_for_more(self, count: int = 20) -> None:
        """Until so many more writes of everybody together were acknowledged."""
        wanted = self.acknowledged() + count
        self._until(lambda: self.acknowledged() >= wanted, f"{count} writes")

    def wait_for_each(self, count: int = 1) -> None:
        """Until each one got so many more writes acknowledged."""
        wanted = [len(person.answers) + count for person in self.people]
        self._until(
            lambda: all(len(p.answers) >= n for p, n in zip(self.people, wanted, strict=True)),
            f"{count} writes of each person",
        )

    def _until(self, true: Callable[[], bool], what: str) -> None:
        """Ends as well when somebody met an error, which `finish` raises."""
        try:
            until(lambda: true() or any(person.failed for person in self.people), what)
        except AssertionError as error:
            lines = [f"{p.name} had {len(p.answers)} answers; {p.trouble}" for p in self.people]
            raise AssertionError("\n".join((str(error), *lines))) from error

    def next_success(self, person: Person, at: float, down: set[int]) -> float:
        """Seconds from `at` to the first answer that none of the servers in `down` gave."""
        later = (a.at for a in tuple(person.answers) if a.at > at and a.leader_id not in down)
        return min(later) - at

    def send_times(self, since: float) -> list[float]:
        """How long each send took that began after `since`; all of them were answered."""
        return [
            op.returned - op.invoked
            for person in self.people
            for op in tuple(person.history)
            if isinstance(op.call, Send) and op.invoked > since
        ]

    def finish(self) -> list[Op]:
        """Ends the talk, reads everything and checks all that anybody saw."""
        for person in self.people:
            person.stop()
        pages = {person.pair: person.read_all() for person in self.people}
        ops = [op for person in self.people for op in person.history]
        problems = check(ops)
        for person, follower in zip(self.people, self.followers, strict=True):
            problems += _compare(follower, pages[person.pair])
        assert not problems, "\n".join(problems)
        return ops


def _compare(follower: Follower, page: Page) -> Iterable[str]:
    """The stream has brought everything that the page shows, and nothing else."""
    wanted = {line.id: line for line in page.lines}
    until(lambda: follower.failure or follower.lines == wanted, "the stream has brought it all")
    if follower.failure is not None:
        yield repr(follower.failure)
