"""The cluster's key and certificate, and servers that speak only to those who know them."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from cryptography import x509

from chat.config import Address, Config, ConfigError
from chat.rpc import chat_pb2 as pb
from chat.rpc.chat_pb2_grpc import ChatServiceStub
from chat.server.identity import identity_path, load_identity, make_identity
from chat.tls import Trust
from tests.cluster import DEADLINE_S, Cluster, wait_until

HERE = {1: Address("127.0.0.1", 8001), 2: Address("127.0.0.1", 8002)}
ELSEWHERE = {1: Address("192.0.2.1", 8001), 2: Address("192.0.2.2", 8001)}


def test_on_one_computer_the_key_is_made_at_the_first_start(tmp_path: Path) -> None:
    config = Config(HERE, tmp_path / "data")
    first = load_identity(config)
    assert load_identity(config) == first
    assert identity_path(config).stat().st_mode & 0o777 == 0o600


def test_servers_elsewhere_need_a_key_that_a_person_made(tmp_path: Path) -> None:
    config = Config(ELSEWHERE, tmp_path / "data")
    with pytest.raises(ConfigError, match="--make-key"):
        load_identity(config)
    key, certificate = make_identity(config, tmp_path)
    again = make_identity(config, tmp_path)
    assert again == (key, certificate)
    assert load_identity(config).certificate_pem == certificate.read_bytes()
    assert b"PRIVATE" not in certificate.read_bytes()


def test_a_certificate_is_valid_whatever_the_clock_says(tmp_path: Path) -> None:
    pem = load_identity(Config(HERE, tmp_path / "data")).certificate_pem
    certificate = x509.load_pem_x509_certificate(pem)
    assert certificate.not_valid_before_utc.timestamp() == 0
    assert certificate.not_valid_after_utc.year == 9999


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda path: path.chmod(0o640), "chmod 600"),
        (lambda path: path.write_bytes(b"not a key\n"), "damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "damaged"),
    ],
)
def test_a_key_file_that_is_not_right_is_refused(tmp_path: Path, harm: object, told: str) -> None:
    config = Config(HERE, tmp_path / "data")
    load_identity(config)
    assert callable(harm)
    harm(identity_path(config))
    with pytest.raises(ConfigError, match=told):
        load_identity(config)


def test_a_key_with_the_certificate_of_another_is_refused(tmp_path: Path) -> None:
    one, other = Config(HERE, tmp_path / "one"), Config(HERE, tmp_path / "other")
    load_identity(one)
    mixed = load_identity(one).key_pem + load_identity(other).certificate_pem
    identity_path(one).write_bytes(mixed)
    with pytest.raises(ConfigError, match="damaged"):
        load_identity(one)


def ask(trust: Trust, address: str, wait: bool) -> pb.GetLeaderInfoResponse:
    with trust.channel(address, (("grpc.enable_http_proxy", 0),)) as channel:
        stub = ChatServiceStub(channel)
        answer: pb.GetLeaderInfoResponse = stub.GetLeaderInfo(
            pb.GetLeaderInfoRequest(), timeout=DEADLINE_S, wait_for_ready=wait
        )
        return answer


def test_between_computers_only_the_certificate_opens_the_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Address, "is_loopback", property(lambda _: False))
    with Cluster(tmp_path / "data") as cluster:
        make_identity(cluster.config, tmp_path)
        cluster.start()
        leader = cluster.wait_for_members()
        right = Trust((tmp_path / "cluster.crt").read_bytes())

        def all_know_the_leader() -> bool:
            answers = [ask(right, address, wait=True) for address in cluster.addresses]
            return all(answer.leader_id == leader for answer in answers)

        wait_until(all_know_the_leader)

        make_identity(Config(ELSEWHERE, tmp_path / "others"), tmp_path)
        for wrong in (Trust(), Trust((tmp_path / "cluster.crt").read_bytes())):
            with pytest.raises(grpc.RpcError) as refusal:
                ask(wrong, cluster.addresses[0], wait=False)
            assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
