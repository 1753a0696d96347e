"""Which servers a client calls, and how, before any window is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chat.client.leaders import Leaders
from chat.client.servers import server_addresses, trust_for
from chat.config import Address, Config, ConfigError
from chat.server.identity import make_identity
from chat.tls import Trust
from tests.client.fake import FakeCluster


def test_the_command_line_comes_before_the_settings_before_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"servers": [{"id": 1, "address": "127.0.0.1:8001"}]}))
    monkeypatch.chdir(tmp_path)
    kept = ("kept:1",)
    assert server_addresses("here:1, [::1]:2", kept) == ["here:1", "[::1]:2"]
    assert server_addresses(None, kept, config) == ["127.0.0.1:8001"]
    assert server_addresses(None, kept) == ["kept:1"]
    assert server_addresses(None) == ["127.0.0.1:8001"]
    with pytest.raises(ConfigError, match="not an address"):
        server_addresses("here")


def test_servers_on_this_computer_need_no_certificate(tmp_path: Path) -> None:
    assert trust_for(["127.0.0.1:1", "[::1]:2", "localhost:3"], None, None) == Trust()


def test_servers_elsewhere_need_the_certificate_beside_the_configuration(tmp_path: Path) -> None:
    config, other = tmp_path / "config.json", tmp_path / "other.crt"
    with pytest.raises(ConfigError, match=r"copy cluster\.crt from a server"):
        trust_for(["127.0.0.1:1", "192.0.2.1:2"], None, config)
    elsewhere = Config({1: Address("192.0.2.1", 2)}, data_dir=tmp_path / "data")
    _, made = make_identity(elsewhere, tmp_path)
    certificate = made.read_bytes()
    assert trust_for(["192.0.2.1:2"], None, config) == Trust(certificate)
    other.write_bytes(certificate)
    assert trust_for(["192.0.2.1:2"], other, None) == Trust(certificate)
    assert trust_for(["127.0.0.1:2"], other, None) == Trust(certificate)
    other.write_bytes(b"something else")
    with pytest.raises(ConfigError, match="is no certificate"):
        trust_for(["192.0.2.1:2"], other, None)


def test_servers_that_the_leader_names_are_asked_as_well() -> None:
    """The list of a client may be old; but nothing is said in the clear to another computer."""
    servers = FakeCluster()
    one, two = servers.state.addresses[1], servers.state.addresses[2]
    leaders = Leaders((one,), lambda _told: None)
    try:
        servers.state.addresses[3] = "192.0.2.1:9"
        found = leaders.find()
        assert (found.leader and found.leader.address, found.configured) == (one, 2)
        servers.lead(2)
        servers.kill(1)
        found = leaders.find()
        assert (found.leader and found.leader.address, found.up) == (two, 1)
    finally:
        leaders.close()
        servers.close()
