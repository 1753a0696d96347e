"""Files of a server that hold anything at all: it starts, or refuses in one clear sentence."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from chat.config import ConfigError, load_config
from tests.damage import DEEP, EXTREMES, damage_servers, make_server, start_server

pytestmark = pytest.mark.usefixtures("no_syncs")


def test_some_hundred_damages(tmp_path: Path) -> None:
    damage_servers(tmp_path, random.Random(8), times=300)


@pytest.mark.parametrize(
    "name",
    ["config.json", "data/cluster.key", "data/users_1.json", "data/users_1.journal"],
)
@pytest.mark.parametrize("content", EXTREMES, ids=range(len(EXTREMES)))
def test_the_worst_of_them(tmp_path: Path, name: str, content: bytes) -> None:
    make_server(tmp_path / "server")
    assert start_server(tmp_path / "server") is not None
    (tmp_path / "server" / name).write_bytes(content)
    assert start_server(tmp_path / "server") is None


def test_what_the_lock_says_is_of_no_importance(tmp_path: Path) -> None:
    make_server(tmp_path / "server")
    (tmp_path / "server" / "data" / "users_1.lock").write_bytes(b"\xff" * DEEP)
    assert start_server(tmp_path / "server") is not None


@pytest.mark.parametrize(
    "document",
    [
        {"x" * DEEP: 1},
        {"servers": [{"id": 1, "address": "x" * DEEP}]},
        {"servers": [{"id": 1, "address": "a b\nc\u202e:" + "1" * DEEP}]},
        {"servers": [{"id": 1, "y" * DEEP: 1}]},
        {"servers": [{"id": 1, "address": "127.0.0.1:1"}], "quorum": "z" * DEEP},
        {"servers": [{"id": 1, "address": "127.0.0.1:1"}], "data_dir": "~" * DEEP},
        {"servers": [{"id": 1, "address": "127.0.0.1:1"}], "vote_ms": 10**4000},
    ],
    ids=range(7),
)
def test_a_long_value_is_cut_in_the_message(tmp_path: Path, document: object) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    said = str(caught.value).removeprefix(str(path))
    assert len(said) < 300
    assert said.isprintable()
