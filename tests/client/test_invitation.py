"""One paste sets a new client up: the invitation, the certificate that it pins, the account."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chat.client import events
from chat.client.errors import Unreachable
from chat.client.pinning import pinned_certificate
from chat.client.session import ChatSession
from chat.client.settings import Profile
from chat.config import Address, Config
from chat.core.errors import Invalid
from chat.core.limits import FIELD_CHARACTERS_MAX
from chat.invitation import Invitation, is_invitation, read_invitation
from chat.server.identity import identity_path, load_identity
from tests.admin import Admin
from tests.client.fake import FakeCluster
from tests.client.window import Window
from tests.cluster import PASSWORD, Cluster
from tests.ports import free_ports

CODE = "00000-11111-AAAAA-BBBBB"
ELSEWHERE = Invitation(("10.0.0.11:8001", "[fd00::1]:8001", "chat.example:8001"), "ab" * 32, CODE)
HERE = Invitation(("127.0.0.1:8001",), "", CODE)


# --- the text ---------------------------------------------------------------------------------


@pytest.mark.parametrize("invitation", [ELSEWHERE, HERE])
def test_what_was_written_is_read(invitation: Invitation) -> None:
    assert read_invitation(invitation.text) == invitation
    assert read_invitation(f"\n  {invitation.text} \n") == invitation
    broken_by_mail = "\r\n".join(invitation.text[at : at + 20] for at in range(0, 400, 20))
    assert read_invitation(broken_by_mail) == invitation


def test_what_is_cut_off_or_mistyped_is_told_from_what_is_whole() -> None:
    whole = ELSEWHERE.text
    for length in range(len("chat-invite:"), len(whole)):
        refused(whole[:length], "damaged")
    for place in range(len("chat-invite:"), len(whole)):
        letter = "7" if whole[place] != "7" else "8"
        refused(whole[:place] + letter + whole[place + 1 :], "damaged")


def test_what_is_none_is_refused() -> None:
    for text in ("", CODE, "https://chat.example/", "chat-invite", ELSEWHERE.text + "x" * 5000):
        refused(text, "no invitation")
    assert len(ELSEWHERE.text) < FIELD_CHARACTERS_MAX
    refused(Invitation(("10.0.0.11",), "ab" * 32, CODE).text, "not an address")
    refused(Invitation(("10.0.0.11:8001",), "", CODE).text, "which certificate")
    assert is_invitation(f" {HERE.text}")
    assert not is_invitation(CODE)


def refused(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        read_invitation(text)
    assert caught.value.metadata["field"] == "invite"


# --- the certificate --------------------------------------------------------------------------


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(
        tmp_path / "servers", servers=1, tls="always", registration="invite",
        certificate=tmp_path / "cluster.crt",
    ) as cluster:  # fmt: skip
        cluster.start()
        cluster.leader()
        yield cluster


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[str]:
    """The address of a program whose certificate has the same name and another key."""
    other = Config({1: Address("127.0.0.1", 1)}, tmp_path / "stranger")
    load_identity(other)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity_path(other))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with context.wrap_socket(self.request, server_side=True) as connection:
                while connection.recv(1024):
                    pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_the_certificate_is_the_one_with_the_fingerprint(encrypted: Cluster, stranger: str) -> None:
    identity = load_identity(encrypted.config)
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    there = [nobody, stranger, *encrypted.addresses]
    assert pinned_certificate(there, identity.fingerprint) == identity.certificate_pem
    with pytest.raises(Invalid, match=f"What answers at {stranger} is not"):
        pinned_certificate([nobody, stranger], identity.fingerprint)
    with pytest.raises(Unreachable):
        pinned_certificate([nobody], identity.fingerprint)


def test_servers_that_speak_in_the_clear_show_none(cluster: Cluster) -> None:
    with pytest.raises(Unreachable):
        pinned_certificate(cluster.addresses, "ab" * 32)


# --- a new client -----------------------------------------------------------------------------


class Newcomer:
    """A client that knows no servers."""

    def __init__(self, folder: Path) -> None:
        self.window, self.profile = Window(), Profile(folder)
        self.profile.start()
        self.session = ChatSession((), folder, self.window.publish, self.profile)
        self.session.start()

    def close(self) -> None:
        self.session.close()
        self.profile.stop()


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Callable[[], Newcomer]]:
    made: list[Newcomer] = []

    def make() -> Newcomer:
        made.append(Newcomer(tmp_path / f"profile{len(made)}"))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_one_paste_and_a_name_are_enough(
    encrypted: Cluster, tmp_path: Path, newcomer: Callable[[], Newcomer]
) -> None:
    made = Admin(encrypted, tmp_path).document("invites", "make", "--uses", "2")
    ada = newcomer()
    ada.session.join(made["invitation"])
    joined = ada.window.expect(events.Done, lambda e: e.action == "join")
    assert joined.detail == made["code"]
    ada.session.register("ada", PASSWORD, joined.detail)
    ada.window.expect(events.Done, lambda e: e.action == "register")
    ada.session.sign_in("ada", PASSWORD)
    ada.window.expect(events.SignedIn)
    ada.window.expect(events.LinkChanged, lambda e: e.link is events.Link.CONNECTED)
    ada.close()
    again = Profile(ada.profile.folder)
    again.start()
    again.stop()
    assert again.settings.servers == tuple(encrypted.addresses)
    assert again.certificate == load_identity(encrypted.config).certificate_pem


def test_nothing_changes_for_an_invitation_that_leads_to_a_stranger(
    encrypted: Cluster, stranger: str, newcomer: Callable[[], Newcomer]
) -> None:
    fingerprint = load_identity(encrypted.config).fingerprint
    ada = newcomer()
    ada.session.join(Invitation((stranger,), fingerprint, CODE).text)
    failed = ada.window.expect(events.Failed)
    assert (failed.action, failed.field) == ("join", "invite")
    assert "is not the server that you were invited to" in failed.message
    assert (ada.profile.settings.servers, ada.profile.certificate) == ((), b"")


def test_a_window_moves_to_the_servers_of_the_invitation(
    encrypted: Cluster, tmp_path: Path
) -> None:
    """What the former ones still answer is about nobody that is called by now."""
    former = FakeCluster()
    window, profile = Window(), Profile(tmp_path / "profile")
    profile.start()
    addresses = list(former.state.addresses.values())
    session = ChatSession(addresses, profile.folder, window.publish, profile)
    session.start()
    try:
        session.sign_in("ada", "a wrong password")
        window.expect(events.Failed)
        made = Admin(encrypted, tmp_path).document("invites", "make")
        session.join(made["invitation"])
        window.expect(events.Done)
        session.register("ada", PASSWORD, made["code"])
        window.expect(events.Done, lambda e: e.action == "register")
    finally:
        session.close()
        profile.stop()
        former.close()


def test_the_command_prints_the_text_to_paste(encrypted: Cluster, tmp_path: Path) -> None:
    made = Admin(encrypted, tmp_path).document("invites", "make")
    fingerprint = load_identity(encrypted.config).fingerprint
    expected = Invitation(tuple(encrypted.addresses), fingerprint, made["code"])
    assert read_invitation(made["invitation"]) == expected


def test_where_servers_speak_in_the_clear_there_is_no_fingerprint(
    cluster: Cluster, tmp_path: Path
) -> None:
    code, _, _, text, *_ = Admin(cluster, tmp_path).well("invites", "make").splitlines()
    assert read_invitation(text) == Invitation(tuple(cluster.addresses), "", code)
