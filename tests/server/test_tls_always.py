"""`"tls": "always"`: a cluster on one computer that is encrypted like one between computers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from chat.client.servers import trust_for
from chat.config import Config
from chat.rpc import chat_pb2 as pb
from chat.rpc.chat_pb2_grpc import ChatServiceStub
from chat.server.identity import make_identity
from chat.tls import Trust
from tests.cluster import DEADLINE_S, Cluster, wait_until
from tests.server.impostor import Impostor


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(
        tmp_path / "data",
        out_ms=500,
        vote_ms=1000,
        tls="always",
        certificate=tmp_path / "cluster.crt",
    ) as made:
        made.start()
        made.wait_for_members()
        yield made


def ask(trust: Trust, address: str) -> pb.GetLeaderInfoResponse:
    with trust.channel(address, (("grpc.enable_http_proxy", 0),)) as channel:
        answer: pb.GetLeaderInfoResponse = ChatServiceStub(channel).GetLeaderInfo(
            pb.GetLeaderInfoRequest(), timeout=DEADLINE_S
        )
        return answer


def refusal(trust: Trust, address: str) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        ask(trust, address)
    code: grpc.StatusCode = caught.value.code()
    return code


def test_only_the_certificate_that_the_servers_wrote_opens_the_door(
    encrypted: Cluster, tmp_path: Path
) -> None:
    address = encrypted.addresses[0]
    right = Trust((tmp_path / "cluster.crt").read_bytes())
    assert ask(right, address).leader_id == 1
    other = Config(encrypted.config.servers, tmp_path / "other")
    _, certificate = make_identity(other, tmp_path)
    for wrong in (Trust(), Trust(certificate.read_bytes())):
        assert refusal(wrong, address) is grpc.StatusCode.UNAVAILABLE


def test_the_certificate_follows_the_key(encrypted: Cluster, tmp_path: Path) -> None:
    """Also where one of an earlier key lies there."""
    path = tmp_path / "cluster.crt"
    first = path.read_bytes()
    encrypted.kill()
    (tmp_path / "data" / "cluster.key").unlink()
    encrypted.start()
    encrypted.wait_for_members()
    assert path.read_bytes() != first
    trust = Trust(path.read_bytes())
    wait_until(lambda: ask(trust, encrypted.addresses[1]).leader_id == 1, "the leader is known")
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["cluster.crt"]


def test_an_impostor_gets_no_call_of_a_server_or_a_client(
    encrypted: Cluster, tmp_path: Path
) -> None:
    encrypted.kill(3)
    address = encrypted.addresses[2]
    certificate = Trust((tmp_path / "cluster.crt").read_bytes())
    with Impostor(3, address) as impostor:
        wait_until(lambda: encrypted.members() == (1, 2), "a view without it")
        assert refusal(certificate, address) is grpc.StatusCode.UNAVAILABLE
        assert impostor.calls == []


@pytest.mark.parametrize(("tls", "encrypts"), [("always", True), ("auto", False)])
def test_a_client_does_as_the_configuration_of_its_servers_says(
    tmp_path: Path, tls: str, encrypts: bool
) -> None:
    path = tmp_path / "config.json"
    path.write_text(f'{{"servers": [{{"id": 1, "address": "127.0.0.1:8001"}}], "tls": "{tls}"}}')
    _, certificate = make_identity(Config({}, tmp_path / "data"), tmp_path)
    expected = Trust(certificate.read_bytes() if encrypts else None)
    assert trust_for(["127.0.0.1:8001"], None, path) == expected
    assert trust_for(["localhost:8001"], None, path) == expected
    assert trust_for(["127.0.0.1:9001"], None, path) == Trust()  # it says nothing of this one
