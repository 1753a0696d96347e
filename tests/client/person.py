"""A person with a session on a real cluster: a profile on disk and a window that listens."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chat.client import events
from chat.client.errors import Unreachable
from chat.client.events import Link, Mark
from chat.client.leaders import Survey
from chat.client.sentences import sentence
from chat.client.session import ChatSession
from chat.client.settings import Profile
from chat.core.errors import NameTaken, NoQuorum
from tests.client.window import Window
from tests.cluster import PASSWORD, Cluster, wait_until

_BUSY = tuple(sentence(error, "") for error in (Unreachable(""), NoQuorum("")))
_TAKEN = sentence(NameTaken(""), "")
_TRIES = 5


class Person:
    """Started at once; `folder` is the profile's."""

    def __init__(self, cluster: Cluster, folder: Path, name: str) -> None:
        self.cluster, self.folder, self.name = cluster, folder, name
        self.window = Window()
        self.profile = Profile(folder)
        self.profile.start()
        self.session = ChatSession(cluster.addresses, folder, self.window.publish, self.profile)
        self.session.start()

    def register(self) -> Person:
        self._until_reached(
            "register",
            lambda: self.session.register(self.name, PASSWORD),
            lambda: any(done.action == "register" for done in self.window.of(events.Done)),
        )
        return self.sign_in()

    def sign_in(self) -> Person:
        self._until_reached(
            "sign_in",
            lambda: self.session.sign_in(self.name, PASSWORD),
            lambda: bool(self.window.of(events.SignedIn)),
        )
        return self.connected()

    def _until_reached(
        self, action: str, ask: Callable[[], object], done: Callable[[], bool]
    ) -> None:
        """Asks again, as people do, where the servers did not answer in time: a computer that is
        busy with other tests has such moments."""

        def failures() -> list[events.Failed]:
            return [each for each in self.window.of(events.Failed) if each.action == action]

        for asked_before in range(_TRIES):
            ask()
            self.window.wait_for(lambda: done() or failures(), action)
            if done():
                return
            (failure,) = failures()
            self.window.forget(failure)
            if asked_before and failure.message == _TAKEN:
                return  # by what was asked before, whose answer was lost
            assert failure.message in _BUSY, failure
        raise AssertionError(f"{action}: no server answered in time, {_TRIES} times")

    def connected(self) -> Person:
        self.window.expect_last(events.LinkChanged, lambda e: e.link is Link.CONNECTED)
        return self

    def reads(self, address: str) -> None:
        """Opens the conversation."""
        self.session.open_conversation(address)
        self.window.expect(events.PageLoaded, lambda e: e.address == address)

    def sends(self, address: str, *texts: str) -> list[str]:
        """The ids, once the servers have acknowledged every one."""
        ids = self.writes(address, *texts)
        self.sent(*ids)
        return ids

    def writes(self, address: str, *texts: str) -> list[str]:
        """The ids, once every one is on this computer's disk."""
        ids = [self.session.send(address, text) for text in texts]
        self.window.expect(events.MessageArrived, lambda e: e.message.id == ids[-1])
        return ids

    def sent(self, *ids: str) -> None:
        for id_ in ids:
            self.window.expect(
                events.MessageChanged,
                lambda e, id_=id_: (
                    e.message.id == id_  # type: ignore[misc]
                    and e.message.mark in (Mark.SENT, Mark.READ)
                ),
            )

    def hears(self, address: str, *texts: str) -> None:
        """Every message of the conversation, in order and none twice."""
        self.window.wait_for(
            lambda: len(self.window.texts(address)) >= len(texts), f"{len(texts)} messages"
        )
        assert self.window.texts(address) == list(texts)

    def close(self) -> None:
        self.session.close()
        self.profile.stop()

    def dies(self, folder: Path) -> Person:
        """What `kill -9` at this moment would leave on disk, started again in `folder`."""
        wait_until((self.folder / "session.json").exists, "the kept sign-in")
        shutil.copytree(self.folder, folder)
        self.close()
        return Person(self.cluster, folder, self.name)


Maker = Callable[..., Person]


@contextlib.contextmanager
def cut_off(person: Person, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The servers are there, and this person's computer reaches none of them."""
    session = person.session
    leader = session._leaders.current
    assert leader is not None
    with monkeypatch.context() as cut:
        cut.setattr(session._leaders, "find", lambda: Survey())
        # What was asked before is answered to nobody, either.
        cut.setattr(session._leaders, "_survey", lambda *_: Survey())
        session._leaders.forget(leader)
        session._connection.interrupt()
        link(person, Link.RECONNECTING)
        yield
    session.try_now()


def link(person: Person, wanted: Link) -> events.LinkChanged:
    return person.window.expect(events.LinkChanged, lambda e: e.link is wanted)
