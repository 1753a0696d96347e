"""Any call that the .proto files allow, and what a server may answer to it.

As a program, thousands of them at a real server, whose memory and log are looked at:
python -m tests.hostile.any_call --calls 20000
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chat import wire
from chat.core.limits import REQUEST_BYTES_MAX
from tests.faults.processes import ROOT, Servers
from tests.faults.seed import token_of
from tests.hostile.campaign import memory_mib
from tests.hostile.methods import methods

# Calls that wait for a password check: few of many, and each gives up soon.
_HASHING: Final = {"Login", "Register", "ChangePassword", "DeleteAccount"}
_TIMEOUT_S: Final = 10.0
_HASHING_TIMEOUT_S: Final = 0.5
# What gRPC itself may answer, beside the reasons of chat.proto.
_TOO_LARGE: Final = grpc.StatusCode.RESOURCE_EXHAUSTED
_GREATEST: Final = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


def documented_reasons() -> set[str]:
    """As the comment at the beginning of chat.proto lists them."""
    text = (ROOT / "protos" / "chat.proto").read_text(encoding="utf-8").replace("\n//", "")
    listed = re.search(r"Its reason is one of:(.*?)\.", text)
    assert listed is not None
    return set(re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)*\b", listed[1]))


# Services for those who hold the cluster's key.
_FOR_THE_KEY = re.compile("ReplicationService|AdminService|HealthService/Pings")


@dataclass(frozen=True, slots=True)
class Call:
    path: str
    data: bytes
    metadata: tuple[tuple[str, str], ...]

    @property
    def hashes(self) -> bool:
        return self.path.rpartition("/")[2] in _HASHING


def calls(words: list[str], tokens: list[str]) -> st.SearchStrategy[Call]:
    """`words` are names, ids and the like that mean something; `tokens` some that live."""
    known = methods()
    hashing = sorted(path for path in known if path.rpartition("/")[2] in _HASHING)
    others = sorted(known.keys() - set(hashing))
    paths = st.sampled_from(others * 8 + hashing)
    bearer = st.sampled_from(tokens * 3 + ["", "garbage", "x" * 500])
    metadata = bearer.map(lambda t: (("authorization", f"Bearer {t}"),) if t else ())
    return paths.flatmap(
        lambda path: st.builds(
            Call,
            st.just(path),
            _requests(known[path], words),
            st.just(()) if path.endswith("/Logout") else metadata,  # the tokens must live on
        )
    )


def _requests(method: MethodDescriptor, words: list[str]) -> st.SearchStrategy[bytes]:
    whole = _messages(method.input_type, _texts(words), depth=3).map(
        lambda message: message.SerializeToString()
    )
    torn = st.tuples(whole, st.integers(0, 40)).map(lambda pair: pair[0][: -pair[1] or None])
    return st.one_of(whole, whole, whole, whole, torn, st.binary(max_size=200))


def _texts(words: list[str]) -> st.SearchStrategy[str]:
    letters = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    odd = st.sampled_from(["", "*", "*a*a*a*a*a*b", "?" * 60, "\x00", "\u202e", "a\u0301" * 30])
    long = st.builds(lambda letter, n: letter * n, st.sampled_from('a"é😀'), st.integers(1, 20_000))
    meant = st.sampled_from(words)
    return st.one_of(meant, meant, meant, st.uuids().map(str), letters, odd, long)


def _messages(descriptor: Any, texts: Any, depth: int) -> st.SearchStrategy[Message]:
    kind: Callable[..., Message] = GetMessageClass(descriptor)
    fields = {field.name: _values(field, texts, depth) for field in descriptor.fields}
    fields = {name: values for name, values in fields.items() if values is not None}
    chosen = st.fixed_dictionaries({}, optional=fields)
    return chosen.map(lambda values: _built(kind, values))


def _built(kind: Callable[..., Message], values: Mapping[str, Any]) -> Message:
    """Of a oneof the last one stays."""
    message = kind()
    for name, value in values.items():
        message.MergeFrom(kind(**{name: value}))
    return message


def _values(field: FieldDescriptor, texts: Any, depth: int) -> Any:
    one = _one_value(field, texts, depth)
    return st.lists(one, max_size=3) if one is not None and field.is_repeated else one


def _one_value(field: FieldDescriptor, texts: Any, depth: int) -> Any:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_MESSAGE:
        return _messages(field.message_type, texts, depth - 1) if depth else None
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return st.binary(max_size=100) if field.type == FieldDescriptor.TYPE_BYTES else texts
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return st.integers(-1, 9)
    if kind in _GREATEST:
        low, high = _GREATEST[kind]
        return st.one_of(st.integers(max(low, -3), 300), st.sampled_from([low, high]))
    return st.floats(width=32)


def make(channel: grpc.Channel, call: Call) -> str:
    """Makes the call and says what it came to; AssertionError for what no document allows."""
    method = methods()[call.path]
    timeout = _HASHING_TIMEOUT_S if call.hashes else _TIMEOUT_S
    options: dict[str, Any] = {"metadata": call.metadata, "timeout": timeout}
    try:
        if method.client_streaming and method.server_streaming:
            talking: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(call.path)
            answers = talking(iter([call.data]), **options)
            next(answers, None)
            answers.cancel()
        elif method.client_streaming:
            taking: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(call.path)
            taking(iter([call.data]), **options)
        elif method.server_streaming:
            giving: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(call.path)
            answers = giving(call.data, **options)
            next(answers, None)
            answers.cancel()
        else:
            plain: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(call.path)
            plain(call.data, **options)
    except grpc.RpcError as error:
        return _judged(call, error)
    return "OK"


def _judged(call: Call, error: grpc.RpcError) -> str:
    known, code = wire.error_from_rpc(error), error.code()
    if known is not None:
        assert known.reason in documented_reasons(), f"{known.reason} is not documented"
        assert code == wire.error_code(known), f"{known.reason} came with {code}"
        return known.reason
    own = (
        (call.hashes and code is grpc.StatusCode.DEADLINE_EXCEEDED)
        or (len(call.data) > REQUEST_BYTES_MAX and code is _TOO_LARGE)
        or (_FOR_THE_KEY.search(call.path) and code is grpc.StatusCode.UNAUTHENTICATED)
    )
    assert own, f"{call.path} came to {code.name}: {error.details()}"
    return code.name


def play(channel: grpc.Channel, words: list[str], tokens: list[str], count: int) -> Counter[str]:
    """`count` calls, one after the other; how often what came of it."""
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(calls(words, tokens))
    def each(call: Call) -> None:
        outcomes[make(channel, call)] += 1

    each()
    return outcomes


def main(count: int) -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        Servers(Path(folder), people=("ada", "grace"), messages=200) as servers,
    ):
        servers.start()
        servers.wait_until_leads(1, (1, 2, 3))
        channel = grpc.insecure_channel(servers.addresses[1])
        tokens = [token_of("ada"), token_of("grace")]
        words = ["ada", "grace", "nobody", str(uuid.uuid4()), str(uuid.uuid4())]
        pid = servers.processes[1].pid
        play(channel, words, tokens, count // 4)
        before = memory_mib(pid)
        outcomes = play(channel, words, tokens, count - count // 4)
        after, log = memory_mib(pid), servers.log(1)
        channel.close()
        for outcome, times in outcomes.most_common():
            sys.stdout.write(f"{times:8} {outcome}\n")
        sys.stdout.write(f"memory of the leader: {before:.0f} MiB before, {after:.0f} after\n")
        traces = log.count("Traceback")
        sys.stdout.write(f"stack traces in its log: {traces}\n")
        return int(traces > 0 or after > 1.2 * before + 10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.any_call", description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    sys.exit(main(parser.parse_args().calls))
