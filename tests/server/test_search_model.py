"""The index against a plain look at everything that a person may see."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chat.core.errors import ChatError, NoSuchRoom, NotAMember
from chat.core.replication.leadership import ViewNumber
from chat.core.replication.messages import Durable, Entry, Position
from chat.core.searching import folded, words_of
from chat.core.state.chat_state import ChatState
from chat.core.state.model import Access, Message, MessageStatus
from chat.core.state.operations import Operation
from chat.core.state.operations.add_members import AddMembers
from chat.core.state.operations.create_room import CreateRoom
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.remove_member import RemoveMember
from chat.core.state.operations.unsend_message import UnsendMessage
from chat.core.state.operations.update_room import UpdateRoom
from chat.rpc import chat_pb2 as pb
from chat.server.search_index import SearchIndex
from chat.server.search_store import Hits, Wanted
from chat.server.searching import Searching
from tests.engines import StateAlone

PEOPLE = ("ann", "bob", "cat")
ROOMS = ("#red", "#blue")
TEXTS = ("Red apples", "green apple pie", "pie", "zo\u00eb ate", "ZOE", "a", "аппле", "ap", "e pi")
WANTED = ("apple", "a", "pie", "ap e", "zoe", "d ap", "п", "nowhere", "red green")
NAMES = st.sampled_from(PEOPLE)
PLACES = st.sampled_from((*PEOPLE, *ROOMS))


class _Served(StateAlone):
    def __init__(self, folder: Path) -> None:
        super().__init__(ChatState())
        self.index = SearchIndex(folder / "search.db")

    async def search(self, wanted: Wanted) -> Hits:
        return await self.index.search(wanted)


class Searches(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        self._served = _Served(Path(self._folder.name))
        self._searching = Searching(self._served)  # type: ignore[arg-type]
        self._log: list[Entry] = []
        self._numbers = count(1)
        self._said: list[Message] = []
        self._served.index.begin(self._served.state, self._durable())
        for name in PEOPLE:
            self._do(RegisterUser(name, "-", self._id(), 1))
        for name, access in zip(ROOMS, Access, strict=True):
            self._do(CreateRoom(name, "", access.value, "ann", name, self._id(), 1))

    def teardown(self) -> None:
        self._served.index.stop()
        self._folder.cleanup()

    def _id(self) -> str:
        return f"{next(self._numbers):036}"

    def _durable(self) -> Durable:
        last = self._log[-1].position if self._log else Position()
        return Durable(commit=last.index, last=last, entries=tuple(self._log))

    def _do(self, operation: Operation) -> object:
        entry = Entry(len(self._log) + 1, ViewNumber(1, 1), operation)
        self._log.append(entry)
        outcome = self._served.state.apply(operation)
        self._served.index.applied(entry.position, outcome)
        return outcome.result

    # --- what happens -------------------------------------------------------------------

    @rule(sender=NAMES, to=PLACES, text=st.sampled_from(TEXTS), at=st.integers(1, 10**6))
    def post(self, sender: str, to: str, text: str, at: int) -> None:
        message = self._do(PostMessage(self._id(), sender, to, text, at))
        if isinstance(message, Message):
            self._said.append(message)

    @rule(data=st.data())
    def unsend(self, data: st.DataObject) -> None:
        if self._said:
            message = data.draw(st.sampled_from(self._said))
            self._do(UnsendMessage(message.id, message.sender, 1))

    @rule(room=st.sampled_from(ROOMS), by=NAMES, name=NAMES)
    def add(self, room: str, by: str, name: str) -> None:
        self._do(AddMembers(room, by, name, self._id(), 1))

    @rule(room=st.sampled_from(ROOMS), by=NAMES, name=NAMES)
    def remove(self, room: str, by: str, name: str) -> None:
        self._do(RemoveMember(room, by, name, self._id(), 1))

    @rule(room=st.sampled_from(ROOMS), access=st.sampled_from(Access))
    def change(self, room: str, access: Access) -> None:
        owner = self._served.state.rooms.by_name[room].owner
        self._do(UpdateRoom(room, owner, "", 0, access.value, "", self._id(), 1))

    @rule(is_lost=st.booleans())
    def restart(self, is_lost: bool) -> None:
        self._served.index.stop()
        if is_lost:
            self._served.index.path.unlink()
        self._served.index = SearchIndex(self._served.index.path)
        self._served.index.begin(self._served.state, self._durable())

    # --- what is found ------------------------------------------------------------------

    @rule(me=NAMES, wanted=st.sampled_from(WANTED), where=st.sampled_from(("", *PEOPLE, *ROOMS)),
          sender=st.sampled_from(("", *PEOPLE)), size=st.integers(1, 4))  # fmt: skip
    def search(self, me: str, wanted: str, where: str, sender: str, size: int) -> None:
        while (found := self._found(me, wanted, where, sender, size)) is None:
            pass  # the index is being made
        seen = self._seen(me, where)
        if seen is None:
            assert found == "refused"
            return
        expected = {
            message.id
            for message in seen
            if message.status is not MessageStatus.UNSENT
            and all(word in folded(message.text) for word in words_of(wanted))
            and sender in ("", message.sender)
        }
        assert found != "refused"
        assert sorted(found) == sorted(expected)

    def _found(
        self, me: str, wanted: str, where: str, sender: str, size: int
    ) -> list[str] | str | None:
        """None where not all was read yet."""
        found: list[str] = []
        token = ""
        while True:
            request = pb.SearchMessagesRequest(
                words=wanted, contact=where, sender=sender, page_size=size, page_token=token
            )
            try:
                answer = asyncio.run(self._searching.page(me, request))
            except (NoSuchRoom, NotAMember):
                return "refused"
            if answer.incomplete:
                return None
            found += [message.id for message in answer.messages]
            token = answer.next_page_token
            if not token:
                return found

    def _seen(self, me: str, where: str) -> list[Message] | None:
        state, seen = self._served.state, []
        for place in (where,) if where else (*PEOPLE, *ROOMS):
            table = state.rooms if place.startswith("#") else state.conversations
            try:
                seen += table.messages(me, place, "", 200)[0]
            except ChatError:
                if where:
                    return None
        return seen

    @invariant()
    def nothing_broke(self) -> None:
        assert self._served.index._retry_at is None


TestSearches = Searches.TestCase
TestSearches.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def test_a_search_that_takes_long_lets_others_go_first(tmp_path: Path) -> None:
    served = _Served(tmp_path)
    served.index.begin(served.state, Durable())
    order: list[str] = []

    async def ask(words: str) -> None:
        await served.index.search(Wanted(words_of(words), "ann", ()))
        order.append(words)

    async def both() -> None:
        # Steps of a search are as its store makes them: one without an end, and one of one step.
        while served.index._store is None:
            await asyncio.sleep(0.001)
        store, over = served.index._store, Event()

        def find(wanted: Wanted) -> Generator[None, None, Hits]:
            while wanted.words == ("long",) and not over.is_set():
                yield
            return Hits(store.name, (), None, incomplete=False)

        store.find = find  # type: ignore[method-assign]
        long = asyncio.ensure_future(ask("long"))
        await ask("short")
        over.set()
        await long

    asyncio.run(both())
    served.index.stop()
    assert order == ["short", "long"]
