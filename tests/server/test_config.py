"""config.json: what is accepted, and that every refusal names what is wrong."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from chat.config import Address, Config, ConfigError, load_config, parse_address, parse_config

SERVERS = [{"id": 2, "address": "127.0.0.1:8002"}, {"id": 1, "address": "127.0.0.1:8001"}]


def test_defaults_and_order(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"servers": SERVERS}))
    config = load_config(path)
    assert list(config.servers) == [1, 2]
    assert config.data_dir == tmp_path / "data"
    assert (config.heartbeat_ms, config.out_ms, config.vote_ms) == (250, 1000, 2000)
    assert config.all_loopback


def test_the_configuration_in_the_repository_is_valid() -> None:
    config = load_config(Path(__file__).parents[2] / "config.json")
    assert [str(address) for address in config.servers.values()] == [
        "127.0.0.1:8001",
        "127.0.0.1:8002",
        "127.0.0.1:8003",
    ]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"servers": []}, '"servers" must list'),
        ({"server": 1}, '"server" is not known'),
        ({"servers": SERVERS + SERVERS}, "the id 2 is given twice"),
        ({"servers": [{"id": 0, "address": "a:1"}]}, '"id" must be'),
        ({"servers": [{"id": True, "address": "a:1"}]}, '"id" must be'),
        ({"servers": [{"id": 1, "address": "a"}]}, "not an address"),
        ({"servers": [{"id": 1, "address": "a:0"}]}, "the port must be"),
        ({"servers": [{"id": 1, "address": "a:1", "x": 1}]}, '"x" is not known'),
        ({"quorum": "most"}, '"quorum" must be "survivors" or "majority"'),
        ({"rejoin": []}, '"rejoin" must be'),
        ({"heartbeat_ms": 0}, '"heartbeat_ms" must be'),
        ({"heartbeat_ms": 600}, '"out_ms" (1000) must be at least twice'),
        ({"vote_ms": 1100}, '"vote_ms" (1100) must be at least 1.5 times'),
        ({"data_dir": 7}, '"data_dir" must be'),
        ({"data_dir": "\0"}, '"data_dir" must be'),
        ({"data_dir": "\ud800"}, '"data_dir" must be'),
        ({"data_dir": "~/chat"}, '"data_dir" must be written out'),
        ({"servers": [{"id": 1, "address": "10.0..1:8001"}]}, "not an address"),
        ({"servers": [{"id": 1, "address": 64 * "a" + ":8001"}]}, "not an address"),
        ({"trust_refusals": "no"}, '"trust_refusals" must be'),
        ({"tls": "never"}, '"tls" must be "auto" or "always"'),
    ],
)
def test_nonsense_is_refused_by_name(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"servers": SERVERS, **change}, Path("/"))
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("{", "line 1: is not JSON"), ("[]", "must be a JSON object"), ('{"a": 1, "a": 2}', "twice")],
)
def test_broken_files_are_named(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "none.json")


def test_addresses() -> None:
    assert parse_address("[::1]:80") == Address("::1", 80)
    assert str(Address("::1", 80)) == "[::1]:80"
    assert Address("localhost", 1).is_loopback
    assert not Address("10.0.0.1", 1).is_loopback
    assert not Address("chat.example", 1).is_loopback
    for bad in ("", ":1", "a:", "a:b", "::1:80", "a b:1", "a:99999"):
        with pytest.raises(ConfigError):
            parse_address(bad)


def one_place(*addresses: str) -> dict[str, Any]:
    return {"servers": [{"id": n, "address": a} for n, a in enumerate(addresses, 1)]}


@pytest.mark.parametrize(
    ("one", "other", "complaint"),
    [
        ("a:1", "a:1", "is given twice"),
        ("localhost:1", "127.0.0.1:1", "the address 127.0.0.1:1 is also localhost:1"),
        ("[::1]:1", "localhost:1", "is also [::1]:1"),
        ("[::ffff:10.0.0.1]:1", "10.0.0.1:1", "is also [::ffff:10.0.0.1]:1"),
        ("[0:0::1]:1", "[::1]:1", "is also [0:0::1]:1"),
        ("Chat.Example.:1", "chat.example:1", "is also Chat.Example.:1"),
    ],
)
def test_one_place_under_two_names_is_refused(one: str, other: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(one_place(one, other), Path("/"))
    assert complaint in str(caught.value)


def test_different_places_are_not_taken_for_one() -> None:
    different = ("localhost:1", "localhost:2", "127.0.0.2:1", "10.0.0.1:1", "a:1", "b:1")
    assert len(parse_config(one_place(*different), Path("/")).servers) == len(different)


KEYS = [field.name for field in fields(Config)]
NONSENSE: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    float("nan"),
    10**30,
    "",
    "\0",
    "x",
    [],
    [1],
    [[]],
    {},
    {"": 1},
]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (key, value)
        for key in KEYS
        for value in NONSENSE
        if (key, value) not in (("data_dir", "x"), ("trust_refusals", True))
        and not (key.startswith("user_bytes") and value == 0)
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_its_key(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f'"{key}"'):
        parse_config({"servers": SERVERS, key: value}, Path("/"))


@pytest.mark.parametrize("document", [None, 7, "x", [], True])
def test_a_document_that_is_no_object_is_refused(document: object) -> None:
    with pytest.raises(ConfigError, match="must be a JSON object"):
        parse_config(document, Path("/"))


@pytest.mark.parametrize(
    "server",
    [
        *(None, 1, "x", [], {}, {"id": 1}, {"address": "a:1"}),
        {"id": "1", "address": "a:1"},
        {"id": 1, "address": 8001},
    ],
)
def test_a_server_of_the_wrong_kind_is_refused_by_its_place(server: object) -> None:
    with pytest.raises(ConfigError, match='"servers", number 2: '):
        parse_config({"servers": [SERVERS[0], server]}, Path("/"))
