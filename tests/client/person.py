"""A person with a session on a real cluster: a profile on disk and a window that listens."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chat.client import events
from chat.client.events import Link, Mark
from chat.client.leaders import Survey
from chat.client.session import ChatSession
from chat.client.settings import Profile
from tests.client.window import Window
from tests.cluster import PASSWORD, Cluster, wait_until


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
        self.session.register(self.name, PASSWORD)
        self.window.expect(events.Done, lambda e: e.action == "register")
        return self.sign_in()

    def sign_in(self) -> Person:
        self.session.sign_in(self.name, PASSWORD)
        self.window.expect(events.SignedIn)
        return self.connected()

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
