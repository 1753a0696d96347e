"""What `python client.py` makes of its arguments, before any window is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import client
from chat.config import ConfigError
from chat.tls import Trust


def write_config(folder: Path, *addresses: str) -> Path:
    servers = [{"id": number, "address": a} for number, a in enumerate(addresses, 1)]
    path = folder / "config.json"
    path.write_text(json.dumps({"servers": servers}))
    return path


def test_the_servers_of_the_configuration_or_of_the_command_line(tmp_path: Path) -> None:
    path = write_config(tmp_path, "127.0.0.1:8001", "127.0.0.1:8002")
    options = client.parse_arguments(["--config", str(path)])
    assert client.server_addresses(options) == ["127.0.0.1:8001", "127.0.0.1:8002"]
    options = client.parse_arguments(["--servers", "here:1, [::1]:2"])
    assert client.server_addresses(options) == ["here:1", "[::1]:2"]
    with pytest.raises(ConfigError, match="not an address"):
        client.server_addresses(client.parse_arguments(["--servers", "here"]))


def test_servers_on_this_computer_need_no_certificate(tmp_path: Path) -> None:
    options = client.parse_arguments(["--config", str(tmp_path / "config.json")])
    assert client.trust_for(options, ["127.0.0.1:1", "[::1]:2", "localhost:3"]) == Trust()


def test_servers_elsewhere_need_the_certificate_beside_the_configuration(tmp_path: Path) -> None:
    options = client.parse_arguments(["--config", str(tmp_path / "config.json")])
    with pytest.raises(ConfigError, match=r"copy cluster\.crt from a server"):
        client.trust_for(options, ["127.0.0.1:1", "192.0.2.1:2"])
    (tmp_path / "cluster.crt").write_bytes(b"a certificate")
    assert client.trust_for(options, ["192.0.2.1:2"]) == Trust(b"a certificate")
    other = tmp_path / "other.crt"
    other.write_bytes(b"another")
    options = client.parse_arguments(["--servers", "192.0.2.1:2", "--certificate", str(other)])
    assert client.trust_for(options, ["192.0.2.1:2"]) == Trust(b"another")
