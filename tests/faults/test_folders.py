"""Data folders that are emptied, copied or put back, and refusals forged on all sides: what each
server says, that the rest goes on, and that whatever is lost is told."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import grpc
import pytest

from chat.rpc import chat_pb2
from tests.faults.calls import CALLER
from tests.faults.network import Network
from tests.faults.people import Crowd
from tests.faults.processes import Servers, until
from tests.faults.seed import HOST
from tests.ports import free_ports

PEOPLE = ("ann", "bob", "cat", "dan")
PERIODS = {"heartbeat_ms": 100, "out_ms": 500, "vote_ms": 1000}


class Folders:
    """What an operator does with the data of servers that are down."""

    def __init__(self, servers: Servers, aside: Path) -> None:
        self._data = servers.data
        self._aside = aside

    def _files(self, server_id: int) -> Iterator[Path]:
        yield from self._data.glob(f"users_{server_id}.*")

    def copy(self, server_id: int, name: str) -> None:
        target = self._aside / name
        target.mkdir(parents=True)
        for file in self._files(server_id):
            shutil.copy(file, target)

    def empty(self, server_id: int) -> None:
        for file in list(self._files(server_id)):
            file.unlink()

    def put_back(self, server_id: int, name: str) -> None:
        self.empty(server_id)
        for file in (self._aside / name).iterdir():
            shutil.copy(file, self._data)


@pytest.fixture
def aside(tmp_path: Path) -> Path:
    return tmp_path / "aside"


def send(servers: Servers, server_id: int, count: int) -> list[str]:
    """Sends messages one after the other to this server, each until it is acknowledged; their
    ids."""
    sent = [str(uuid.uuid4()) for _ in range(count)]
    for message_id in sent:
        request = chat_pb2.SendMessageRequest(message_id=message_id, recipient=HOST, text="Hello.")
        until(partial(is_taken, servers, server_id, request), "a message is sent")
    return sent


def is_taken(servers: Servers, server_id: int, request: chat_pb2.SendMessageRequest) -> bool:
    """A busy machine may leave a leader without an answer for a moment: as a client does, it is
    asked once more, with the same id."""
    try:
        servers.stub(server_id).SendMessage(request, timeout=10, metadata=CALLER)
    except grpc.RpcError:
        return False
    return True


def held(servers: Servers, server_id: int) -> set[str]:
    request = chat_pb2.ReceiveMessagesRequest(contact=HOST, page_size=100)
    answer = servers.stub(server_id).ReceiveMessages(request, timeout=10, metadata=CALLER)
    return {message.id for message in answer.messages}


def says(servers: Servers, server_id: int, words: str) -> None:
    until(lambda: words in servers.log(server_id), f"server {server_id} says {words!r}")


def detail(servers: Servers, server_id: int, about: int) -> str:
    """What the window of a client would show of one server, asked of another."""
    info = servers.info(server_id)
    listed = info.servers if info is not None else ()
    return next((one.detail for one in listed if one.server_id == about), "")


def test_a_folder_of_when_it_was_alone_comes_back_beside_a_newer_one(
    tmp_path: Path, aside: Path
) -> None:
    """It would have led at its first tick; it asks, and is told what it lacks. Once its own folder
    is there again, all is."""
    with Servers(tmp_path, 2, PEOPLE) as servers:
        folders = Folders(servers, aside)
        servers.start()
        servers.wait_until_leads(1, (1, 2))
        servers.kill(2)
        servers.wait_until_leads(1, (1,))
        servers.kill(1)
        folders.copy(1, "alone")
        servers.start(1)
        servers.wait_until_leads(1, (1,))
        kept = send(servers, 1, 5)
        servers.start(2)
        servers.wait_until_leads(1, (1, 2))
        kept += send(servers, 1, 5)
        servers.kill(1, 2)
        folders.copy(1, "own")
        folders.put_back(1, "alone")
        servers.start()
        says(servers, 1, "counts for nothing before a server that serves has let it in")
        says(servers, 1, "for server 2 has seen more of its data folder")
        says(servers, 2, "has seen more of server 1: it holds view")
        says(servers, 2, "waits for the data folder that server 1 had before")
        assert "had before" in detail(servers, 2, 2)
        assert "older than what was seen of it" in detail(servers, 1, 1)
        assert not any(servers.serves(n) for n in servers.ids)
        servers.kill(1)
        folders.put_back(1, "own")
        servers.start(1)
        servers.wait_until_leads(1, (1, 2))
        assert set(kept) <= held(servers, 1)


def test_a_folder_of_when_it_was_alone_goes_on_alone(tmp_path: Path, aside: Path) -> None:
    """Nobody is there to tell it. As soon as somebody is, two histories are told of; one serves,
    and the other keeps what only it has."""
    with Servers(tmp_path, 2, PEOPLE) as servers:
        folders = Folders(servers, aside)
        servers.start()
        servers.wait_until_leads(1, (1, 2))
        servers.kill(2)
        servers.wait_until_leads(1, (1,))
        servers.kill(1)
        folders.copy(1, "alone")
        servers.start(1)
        servers.wait_until_leads(1, (1,))
        send(servers, 1, 5)
        servers.start(2)
        servers.wait_until_leads(1, (1, 2))
        servers.kill(1, 2)
        folders.put_back(1, "alone")
        servers.start(1)
        servers.wait_until_leads(1, (1,))
        kept = send(servers, 1, 6)
        servers.start(2)
        says(servers, 2, "It holds another history than server 1")
        assert servers.role(2) == chat_pb2.SERVER_ROLE_OUT
        assert servers.serves(1)
        servers.kill(2)
        folders.copy(2, "for a person to look into")
        folders.empty(2)
        servers.start(2)
        servers.wait_until_leads(1, (1, 2))
        assert set(kept) <= held(servers, 1)


@pytest.mark.parametrize("how", ["empty", "put back"])
def test_a_folder_changes_while_the_others_serve(tmp_path: Path, aside: Path, how: str) -> None:
    """It catches up, and counts again as soon as it was let in."""
    with Servers(tmp_path, people=PEOPLE) as servers:
        folders = Folders(servers, aside)
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            servers.kill(2)
            folders.copy(2, "before")
            servers.start(2)
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.wait_for_each(3)
            servers.kill(2)
            folders.empty(2)
            if how == "put back":
                folders.put_back(2, "before")
            servers.start(2)
            says(servers, 1, "has seen more of server 2: it")
            servers.wait_until_leads(1, (1, 2, 3))
            servers.kill(1, 3)
            crowd.wait_for_each(3)
            servers.kill(2)
            servers.start()
            servers.wait_until_leads(1, (1, 2, 3))
            crowd.finish()


@pytest.mark.parametrize("how", ["empty", "put back"])
def test_a_folder_changes_while_nobody_serves(tmp_path: Path, aside: Path, how: str) -> None:
    """By majority the two others would go on with it, without what it acknowledged with the third:
    they wait for that, and say so."""
    with Servers(tmp_path, people=PEOPLE, quorum="majority", **PERIODS) as servers:
        folders = Folders(servers, aside)
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        servers.kill(2)
        folders.copy(2, "before")
        servers.wait_until_leads(1, (1, 3))
        servers.start(2)
        servers.wait_until_leads(1, (1, 2, 3))
        servers.kill(3)
        servers.wait_until_leads(1, (1, 2))
        kept = send(servers, 1, 5)
        servers.kill(1, 2)
        folders.empty(2)
        if how == "put back":
            folders.put_back(2, "before")
        servers.start(2, 3)
        says(servers, 3, "has seen more of server 2: it")
        says(servers, 2, "counts for nothing before")
        says(servers, 3, "waits for server 1 and the data folder that server 2 had before")
        assert not servers.serves(2)
        assert not servers.serves(3)
        servers.start(1)
        servers.wait_until_leads(1, (1, 2, 3))
        assert set(kept) <= held(servers, 1)


def test_a_copy_runs_beside_its_server(tmp_path: Path, aside: Path) -> None:
    """Both are server 3. The copy takes part in nothing; the others say so, and go on."""
    with Servers(tmp_path, people=PEOPLE) as servers:
        folders = Folders(servers, aside)
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        servers.kill(3)
        folders.copy(3, "copy")
        servers.start(3)
        servers.wait_until_leads(1, (1, 2, 3))
        with Crowd(servers, PEOPLE) as crowd:
            crowd.wait_for_each(3)
            own = servers.processes[3]
            address = f"127.0.0.1:{free_ports(1)[0]}"
            servers.launch(3, "--data-dir", str(aside / "copy"), "--listen", address)
            assert servers.ready_line(3)
            for server_id in (1, 2):
                says(servers, server_id, "hears two programs that run as server 3")
            crowd.wait_for_each(3)
            assert servers.serves(1, (1, 2, 3))
            servers.kill(3)
            servers.processes[3] = own
            crowd.wait_for_each(3)
            crowd.finish()


def test_all_are_put_back_to_different_times(tmp_path: Path, aside: Path) -> None:
    """The newest one knows what the others lack. A person lets it go on, and the others join."""
    with Servers(tmp_path, people=PEOPLE) as servers:
        folders = Folders(servers, aside)
        servers.start()
        kept: list[str] = []
        for server_id in (1, 2, 3):
            servers.wait_until_leads(1, (1, 2, 3))
            kept += send(servers, 1, 5)
            servers.kill(*servers.ids)
            folders.copy(server_id, f"of {server_id}")
            servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        send(servers, 1, 5)  # nobody has these any more
        servers.kill(*servers.ids)
        for server_id in (1, 2, 3):
            folders.put_back(server_id, f"of {server_id}")
        servers.start()
        for server_id in (1, 2):
            says(servers, server_id, "counts for nothing before a server that serves")
            says(servers, 3, f"has seen more of server {server_id}: it")
        says(servers, 3, "waits for the data folder that servers 1, 2 had before")
        assert not any(servers.serves(n) for n in servers.ids)
        servers.kill(*servers.ids)
        for server_id in (1, 2):
            folders.empty(server_id)
        servers.launch(3, "--force-new-view")
        assert servers.ready_line(3)
        servers.wait_until_leads(3, (3,))
        servers.start(1, 2)
        servers.wait_until_leads(1, (1, 2, 3))
        assert set(kept) <= held(servers, 1)


def test_refusals_are_forged_between_all(tmp_path: Path, aside: Path) -> None:
    """A firewall is loaded anew: each leads alone for a while, and acknowledges. That costs what
    two of them said, in words; one of them goes on serving, and nothing is lost with it."""
    with Servers(tmp_path, people=PEOPLE) as servers, Network(servers) as network:
        folders = Folders(servers, aside)
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        before = send(servers, 1, 5)
        for source in servers.ids:
            for target in servers.ids:
                if source != target:
                    network.refuse(source, target)
        counts = {1: 5, 2: 9, 3: 2}
        alone = {}
        for server_id, count in counts.items():
            servers.wait_until_leads(server_id, (server_id,))
            alone[server_id] = send(servers, server_id, count)
        network.heal()
        for server_id in (1, 3):
            says(servers, server_id, "takes no part any more. It holds another history than server")
            assert servers.role(server_id) == chat_pb2.SERVER_ROLE_OUT
        assert servers.serves(2)
        assert {*before, *alone[2]} <= held(servers, 2)
        after = send(servers, 2, 5)
        for server_id in (1, 3):
            network.is_dead(server_id)
            servers.kill(server_id)
            folders.copy(server_id, f"of {server_id}, with what only it acknowledged")
            folders.empty(server_id)
            network.is_dead(server_id, False)
            servers.start(server_id)
        servers.wait_until_leads(1, (1, 2, 3))
        assert {*before, *alone[2], *after} <= held(servers, 1)


def test_refusals_are_forged_between_all_and_nobody_writes(tmp_path: Path) -> None:
    """No history has parted: all are together again by themselves."""
    with Servers(tmp_path, people=PEOPLE) as servers, Network(servers) as network:
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        kept = send(servers, 1, 5)
        for source in servers.ids:
            for target in servers.ids:
                if source != target:
                    network.refuse(source, target)
        for server_id in servers.ids:
            servers.wait_until_leads(server_id, (server_id,))
        time.sleep(1)
        network.heal()
        servers.wait_until_leads(1, (1, 2, 3))
        assert set(kept) <= held(servers, 1)
