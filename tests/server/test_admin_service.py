"""AdminService is for who holds the cluster's key: not for strangers, tokens or other servers."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass

from chat.rpc import admin_pb2, admin_pb2_grpc
from chat.server.identity import load_identity
from chat.server.peering import ANSWER_KEY, CALL_KEY, OPERATOR, Answerer, Peering
from tests.cluster import Cluster, Metadata

METHODS = dict(admin_pb2.DESCRIPTOR.services_by_name["AdminService"].methods_by_name)
SERVICE = "/chat.admin.v1.AdminService/"
KEY = b"another cluster's key"


def call(cluster: Cluster, method: str, metadata: Metadata) -> Any:
    """An empty request, and its call with all that came back."""
    stub = getattr(admin_pb2_grpc.AdminServiceStub(cluster.client().channel(1)), method)
    request = GetMessageClass(METHODS[method].input_type)()
    if METHODS[method].server_streaming:
        answering = stub(request, metadata=metadata, timeout=10)
        with suppress(grpc.RpcError):
            list(answering)
        return answering
    answering = stub.future(request, metadata=metadata, timeout=10)
    answering.exception()
    return answering


def peering(cluster: Cluster, server_id: int, key: bytes = b"") -> Peering:
    key = key or load_identity(cluster.config).peering_key
    places = {n: str(address) for n, address in cluster.config.servers.items()}
    return Peering(key, server_id, {**places, server_id: "*"}, "2.0")


def introduce(cluster: Cluster, caller: Peering) -> None:
    """From now on it knows the server's process."""
    claim = caller.claim(1, f"{SERVICE}GetStatus")
    answering = call(cluster, "GetStatus", claim.metadata)
    caller.check(claim, answering.initial_metadata())


@pytest.mark.parametrize("method", METHODS)
def test_nobody_gets_in_without_the_key(method: str, cluster: Cluster) -> None:
    ada = cluster.client("ada")
    stranger = peering(cluster, OPERATOR, KEY)
    stranger._epochs[1] = 32 * "a"
    offered: tuple[Metadata, ...] = (
        (),
        ada.metadata(),
        ((CALL_KEY, "x"),),
        ((CALL_KEY, f"{OPERATOR} 1 {cluster.addresses[0]} {32 * 'a'} {64 * 'f'}"),),
        stranger.claim(1, SERVICE + method).metadata,
        (*ada.metadata(), *stranger.claim(1, SERVICE + method).metadata),
    )
    for metadata in offered:
        answering = call(cluster, method, metadata)
        assert answering.code() is grpc.StatusCode.UNAUTHENTICATED, metadata
    ada.conversations()


@pytest.mark.parametrize("method", METHODS)
def test_nor_does_another_server(method: str, cluster: Cluster) -> None:
    caller = peering(cluster, 2)
    introduce(cluster, caller)
    answering = call(cluster, method, caller.claim(1, SERVICE + method).metadata)
    assert answering.code() is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("method", METHODS)
def test_a_proof_is_of_one_method_at_one_server(method: str, cluster: Cluster) -> None:
    caller = peering(cluster, OPERATOR)
    introduce(cluster, caller)
    other = next(name for name in METHODS if name != method)
    claim = caller.claim(1, SERVICE + other)
    assert call(cluster, method, claim.metadata).code() is grpc.StatusCode.UNAUTHENTICATED
    claim = caller.claim(1, SERVICE + method)
    answering = call(cluster, method, claim.metadata)
    assert caller.check(claim, answering.initial_metadata()).answerer is Answerer.PEER
    assert answering.code() not in (
        grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED,
    )  # fmt: skip


def test_the_first_call_has_no_effect_and_the_answer_is_proven(cluster: Cluster) -> None:
    caller = peering(cluster, OPERATOR)
    claim = caller.claim(1, f"{SERVICE}GetStatus")
    answering = call(cluster, "GetStatus", claim.metadata)
    assert answering.code() is grpc.StatusCode.UNAUTHENTICATED
    assert dict(answering.initial_metadata())[ANSWER_KEY]
    assert caller.check(claim, answering.initial_metadata()).answerer is Answerer.INTRODUCED


CHANGING = sorted(name for name in METHODS if not re.match("Get|List|Backup", name))


@pytest.mark.parametrize("method", CHANGING)
def test_what_changes_something_says_who_and_bears_an_id(method: str) -> None:
    fields = METHODS[method].input_type.fields_by_name
    assert {"by", "request_id"} <= set(fields)


@pytest.mark.parametrize("method", CHANGING)
def test_garbage_is_refused(method: str, cluster: Cluster) -> None:
    caller = peering(cluster, OPERATOR)
    introduce(cluster, caller)
    stub = getattr(admin_pb2_grpc.AdminServiceStub(cluster.client().channel(1)), method)
    kind = GetMessageClass(METHODS[method].input_type)
    identity = "11111111-1111-1111-1111-111111111111"
    good: dict[str, object] = {"username": "ada", "text": "hi", "uses": 1, "lasts_ms": 1}
    good |= {"code_hash": 64 * "a", "by": "root", "request_id": identity}
    good = {name: value for name, value in good.items() if name in kind.DESCRIPTOR.fields_by_name}
    for wrong in (
        {"by": ""}, {"by": "x" * 65}, {"by": "two\nlines"}, {"by": "\x1b[2J"},
        {"request_id": ""}, {"request_id": "x"},
    ):  # fmt: skip
        claim = caller.claim(1, SERVICE + method)
        with pytest.raises(grpc.RpcError) as caught:
            stub(kind(**{**good, **wrong}), metadata=claim.metadata, timeout=10)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, wrong
