"""It is installed like any program: the wheel, its commands, and what they find where."""

from __future__ import annotations

import configparser
import re
import struct
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from chat import __version__
from chat.config import load_config
from chat.ui.look.palette import LIGHT
from tests.ports import free_ports

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMMANDS: dict[str, str] = {
    **PROJECT["project"]["scripts"],
    **PROJECT["project"]["gui-scripts"],
}


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_is_installed_is_what_is_required() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    needed, _, _ = text.partition("# What it needs to be built")
    lines = [line for line in needed.splitlines() if line and not line.startswith("#")]
    assert PROJECT["project"]["dependencies"] == lines
    assert PROJECT["build-system"]["requires"][0] in text.splitlines()


def test_every_program_has_a_command() -> None:
    """`python -m chat.x` of a clone is chat-x where it is installed, the window chat-client."""
    programs = {
        path.parent.name
        for path in (ROOT / "chat").rglob("__main__.py")
        if path.parent.parent == ROOT / "chat"
    }
    assert set(COMMANDS) == {f"chat-{name}".replace("chat-ui", "chat-client") for name in programs}
    for name, value in COMMANDS.items():
        assert callable(EntryPoint(name, value, "console_scripts").load())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation",
        "--disable-pip-version-check", "-w", folder, ROOT, cwd=folder)  # fmt: skip
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of a fresh environment. The packages that it needs are lent from
    the one that runs the tests, so that nothing is fetched."""
    folder = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps",
        "--disable-pip-version-check", wheel, cwd=folder)  # fmt: skip
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    Path(site.strip(), "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_the_wheel_has_the_program_and_nothing_else(wheel: Path) -> None:
    assert __version__ in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"chat", "replicated_chat"}
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "chat").rglob("*.py")
        if path.name not in ("launch.py", "demo.py")
    }
    assert sources <= set(names)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_what_it_takes(installed: Path, command: str, tmp_path: Path) -> None:
    assert run(installed / command, "--help", cwd=tmp_path).startswith(f"usage: {command} ")


def test_what_is_packed_with_it_names_what_is_there() -> None:
    packaging = ROOT / "packaging"
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str  # type: ignore[assignment,method-assign]
    entry.read(packaging / "linux" / "replicated-chat.desktop", encoding="utf-8")
    unit = (packaging / "systemd" / "chat-server@.service").read_text(encoding="utf-8")
    container = (packaging / "Containerfile").read_text(encoding="utf-8")
    assert entry["Desktop Entry"]["Exec"] in COMMANDS
    assert re.findall(r"^ExecStart=/usr/local/bin/(\S+) --id %i", unit, re.M) == ["chat-server"]
    assert re.findall(r'^ENTRYPOINT \["([^"]+)"', container, re.M) == ["chat-server"]
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", container, re.M)
    assert [name for name in " ".join(copied).split() if not (ROOT / name).exists()] == []
    config = load_config(packaging / "config.json")
    assert f"VOLUME {config.data_dir}\n" in container
    assert f"StateDirectory={config.data_dir.name}\n" in unit
    compile((packaging / "pyinstaller" / "chat-client.spec").read_text(), "spec", "exec")


def test_every_icon_has_its_size() -> None:
    for path in (ROOT / "packaging" / "linux" / "icons").glob("*.png"):
        header = path.read_bytes()[:24]
        assert header[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", header[16:]) == (int(path.stem), int(path.stem))
    drawing = (ROOT / "packaging" / "linux" / "replicated-chat.svg").read_text(encoding="utf-8")
    assert LIGHT.accent in drawing
    assert LIGHT.accent_text in drawing


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "etc" / "config.json"
    path.parent.mkdir()
    path.write_text(f'{{"servers": [{{"id": 1, "address": "127.0.0.1:{free_ports(1)[0]}"}}]}}')
    return path


@pytest.fixture
def server(installed: Path, config: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [str(installed / "chat-server"), "--id", "1", "--config", str(config)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_an_installed_server_serves(server: subprocess.Popen[str], config: Path) -> None:
    assert server.stdout is not None
    assert server.stdout.readline().startswith("server 1 ready on 127.0.0.1:")
    assert (config.parent / "data" / "users_1.json").exists()
    server.terminate()
    assert server.wait(30) == 0


def test_without_a_configuration_it_says_where_it_looked(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [installed / "chat-server", "--id", "1"], cwd=tmp_path, capture_output=True, text=True,
        env={"XDG_CONFIG_HOME": str(tmp_path)}, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        f"server: config.json: is not here, nor is {tmp_path}/replicated-chat/config.json or "
        "/etc/chat/config.json: name one with --config\n"
    )
