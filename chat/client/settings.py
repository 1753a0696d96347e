"""A profile: its folder, settings, drafts and remembered sign-in.

The password is never written. All methods except `start` and `stop` return at once; a writer thread
puts changes on disk. Called by the Tk thread, and by the session for the sign-in.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import platformdirs
from cryptography import x509

from chat.client.checks import is_line, is_time
from chat.client.files import copy_aside, make_private_folder, read_object, set_aside
from chat.client.profile_writer import ProfileWriter
from chat.config import APPLICATION, ConfigError, parse_address
from chat.core.limits import FIELD_CHARACTERS_MAX, TEXT_BYTES_MAX

log = logging.getLogger(__name__)

THEMES = ("system", "light", "dark")
READING_MODES = ("automatic", "deliberate", "never")
SCALE_PERCENT_MIN, SCALE_PERCENT_MAX = 80, 200
READ_NEXT_MIN, READ_NEXT_MAX = 1, 30
SASH_MIN, SASH_MAX = 200, 800
_TOKEN = re.compile(r"[A-Za-z0-9_.~+/=-]{1,256}")  # what a header may hold
_DEVICE_SECRET_BYTES = 32
_DEVICE_SECRET = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person chose. `geometry` is Tk's WIDTHxHEIGHT+X+Y (empty = never saved); for a
    maximised window it is the geometry from before."""

    theme: str = "system"
    scale_percent: int = 100
    reading: str = "automatic"
    read_next: int = 5  # messages a press of "Read next N" reads
    enter_sends: bool = True  # else Ctrl+Enter sends
    notifications: bool = True
    tells_typing: bool = True  # the others, while this person writes
    formats: bool = True  # *emphasis*, `code` and lists are shown as such
    geometry: str = ""
    maximised: bool = False
    sash: int = 280  # pixels, width of the conversation list
    last_username: str = ""
    last_contact: str = ""  # the conversation that was open; a new start opens it again
    servers: tuple[str, ...] = ()  # HOST:PORT in the order they are tried; none = configuration


@dataclass(frozen=True, slots=True)
class SignIn:
    """`expires_at` is seconds since 1970."""

    username: str
    token: str
    expires_at: float


def profile_folder(name: str = "default") -> Path:
    """Where the profile lives (not created yet). Raises ValueError for a name that is not a file
    name."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise ValueError(
            f"{name!r} is not a profile name. Use letters, digits, dots, dashes, underscores."
        )
    return platformdirs.user_config_path(APPLICATION, appauthor=False) / "profiles" / name


class Profile:
    """Damaged files are set aside and started afresh: no setting is worth refusing to start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Guards the values below; a leaf lock, never held over I/O.
        self._lock = threading.Lock()
        self._settings = Settings()
        self._drafts: dict[str, dict[str, str]] = {}  # by user, then by address
        self._cut: dict[tuple[str, str], Path | None] = {}  # drafts, and where the whole is
        self._sign_in: SignIn | None = None
        self._device_secret = ""
        self._certificate = b""
        self._damage: list[str] = []
        self._writer = ProfileWriter()

    def start(self) -> None:
        """Load the files. Raises OSError if the folder cannot be created."""
        make_private_folder(self.folder)
        self._settings = _settings_from(self._read("settings.json", "The settings"))
        self._drafts = self._read_drafts()
        self._cut_long_drafts()
        self._sign_in = _sign_in_from(self._read("session.json", "The sign-in"))
        self._device_secret = _device_secret_from(self._read("device.json", "The device's secret"))
        self._certificate = _certificate_from(
            self._read("certificate.json", "The servers' certificate")
        )
        self._writer.start()

    @property
    def damage(self) -> str:
        """What could not be read at startup, in sentences for the person; usually empty."""
        return " ".join(self._damage)

    def _read(self, name: str, what: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            return read_object(path)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            aside = set_aside(path)
            log.warning("%s cannot be read (%s) and is kept as %s", path, error, aside)
            kept = f" It is kept as {aside}." if aside else ""
            self._damage.append(f"{what} ({name}) cannot be read.{kept}")
            return {}

    def _read_drafts(self) -> dict[str, dict[str, str]]:
        """If part of the file is not a draft, a copy is kept: someone may have written it."""
        document = self._read("drafts.json", "The drafts")
        drafts = _drafts_from(document)
        if drafts != document:
            self._keep_copy("drafts.json")
        return drafts

    def _keep_copy(self, name: str) -> None:
        aside = _copied_aside(self.folder / name)
        if aside is None:
            return
        log.warning("a part of %s cannot be read; all of it is kept in %s", name, aside)
        kept = f"A copy is kept as {aside}."
        self._damage.append(f"Some drafts ({name}) cannot be read. {kept}")
        self._write(name, self._drafts_document)

    def stop(self) -> None:
        """Everything changed so far is on disk when this returns."""
        self._writer.stop()

    @property
    def settings(self) -> Settings:
        return self._settings

    def update(self, **changes: Any) -> Settings:
        """Change some settings; values out of range are clamped."""
        with self._lock:
            self._settings = _within_range(replace(self._settings, **changes))
            self._write("settings.json", lambda: asdict(self._settings))
            return self._settings

    def draft(self, username: str, address: str) -> str:
        with self._lock:
            return self._drafts.get(username, {}).get(address, "")

    def word_on_draft(self, username: str, address: str) -> str:
        """What a person should know about an opened draft; usually nothing."""
        with self._lock:
            if (username, address) not in self._cut:
                return ""
            whole = self._cut[username, address]
        kept = f" The whole of it is kept in {whole}." if whole else ""
        return f"This draft was too long for a message, so only its beginning is here.{kept}"

    def drafts(self, username: str) -> dict[str, str]:
        """Drafts by address."""
        with self._lock:
            return dict(self._drafts.get(username, {}))

    def set_draft(self, username: str, address: str, text: str) -> None:
        """An empty text forgets the draft."""
        with self._lock:
            drafts = self._drafts.setdefault(username, {})
            if drafts.get(address, "") == text:
                return
            if text:
                drafts[address] = text
            else:
                drafts.pop(address, None)
            self._cut.pop((username, address), None)
            self._write("drafts.json", self._drafts_document)

    def _cut_long_drafts(self) -> None:
        """Drafts so long that a window could not show them in reasonable time."""
        long = [
            (user, address)
            for user, drafts in self._drafts.items()
            for address, text in drafts.items()
            if len(_bytes(text)) > TEXT_BYTES_MAX
        ]
        whole = _copied_aside(self.folder / "drafts.json") if long else None
        for user, address in long:
            beginning = _bytes(self._drafts[user][address])[:TEXT_BYTES_MAX]
            self._drafts[user][address] = beginning.decode("utf-8", "ignore")
            self._cut[user, address] = whole
        if long:
            log.warning("%s drafts were too long; the whole ones are kept as %s", len(long), whole)
            self._write("drafts.json", self._drafts_document)

    @property
    def sign_in(self) -> SignIn | None:
        """The remembered sign-in, if any; the servers decide whether it is still valid."""
        return self._sign_in

    @property
    def device_secret(self) -> str:
        """How the servers recognise this profile, even after signing out."""
        with self._lock:
            if not self._device_secret:
                self._device_secret = secrets.token_hex(_DEVICE_SECRET_BYTES)
                self._write("device.json", lambda: {"secret": self._device_secret})
            return self._device_secret

    @property
    def certificate(self) -> bytes:
        """Of the servers in the settings (PEM), where an invitation named them; else empty."""
        return self._certificate

    def keep_servers(self, servers: Sequence[str], certificate: bytes | None) -> None:
        """Those of an invitation, and their certificate (PEM; None = they speak in the clear)."""
        self.update(servers=tuple(servers))
        with self._lock:
            self._certificate = certificate or b""
            self._write("certificate.json", lambda: {"pem": self._certificate.decode()})

    def keep_sign_in(self, sign_in: SignIn | None) -> None:
        """None forgets it."""
        with self._lock:
            self._sign_in = sign_in
            self._write("session.json", lambda: asdict(sign_in) if sign_in else {})

    def forget(self, username: str) -> None:
        """The account is deleted: nothing of it stays on this computer."""
        with self._lock:
            self._drafts.pop(username, None)
            self._write("drafts.json", self._drafts_document)

    def _drafts_document(self) -> dict[str, Any]:
        with self._lock:
            return {user: dict(drafts) for user, drafts in self._drafts.items() if drafts}

    def _write(self, name: str, document: Callable[[], dict[str, Any]]) -> None:
        self._writer.write(self.folder / name, document)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _copied_aside(path: Path) -> Path | None:
    try:
        return copy_aside(path, path.read_bytes())
    except OSError as error:
        log.warning("%s cannot be copied: %s", path, error)
        return None


def checked_servers(typed: str) -> tuple[str, ...]:
    """The addresses in a list separated by commas or spaces; ValueError says which one is
    invalid."""
    try:
        return tuple(str(parse_address(part)) for part in typed.replace(",", " ").split())
    except ConfigError as error:
        raise ValueError(f"{error}.") from error


def _servers_from(document: dict[str, Any]) -> tuple[str, ...]:
    kept = document.get("servers")
    try:
        typed = ", ".join(kept) if isinstance(kept, list) else ""
        return checked_servers(typed) if len(typed) <= FIELD_CHARACTERS_MAX else ()
    except (TypeError, ValueError):
        return ()


def _settings_from(document: dict[str, Any]) -> Settings:
    defaults = Settings(servers=_servers_from(document))
    known = {
        field.name: document[field.name]
        for field in fields(Settings)
        if type(document.get(field.name)) is type(getattr(defaults, field.name))
        and (field.type != "str" or is_line(document[field.name]))
    }
    return _within_range(replace(defaults, **known))


def _within_range(settings: Settings) -> Settings:
    return replace(
        settings,
        theme=settings.theme if settings.theme in THEMES else THEMES[0],
        reading=settings.reading if settings.reading in READING_MODES else READING_MODES[0],
        scale_percent=min(max(settings.scale_percent, SCALE_PERCENT_MIN), SCALE_PERCENT_MAX),
        read_next=min(max(settings.read_next, READ_NEXT_MIN), READ_NEXT_MAX),
        sash=min(max(settings.sash, SASH_MIN), SASH_MAX),
    )


def _drafts_from(document: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {
        user: {
            address: text
            for address, text in drafts.items()
            if isinstance(text, str) and is_line(address)
        }
        for user, drafts in document.items()
        if isinstance(drafts, dict) and is_line(user)
    }


def _device_secret_from(document: dict[str, Any]) -> str:
    kept = document.get("secret")
    return kept if isinstance(kept, str) and _DEVICE_SECRET.fullmatch(kept) else ""


def _certificate_from(document: dict[str, Any]) -> bytes:
    kept = document.get("pem")
    pem = kept.encode("utf-8", "replace") if isinstance(kept, str) else b""
    try:
        x509.load_pem_x509_certificate(pem)
    except (ValueError, x509.InvalidVersion):
        return b""
    return pem


def _sign_in_from(document: dict[str, Any]) -> SignIn | None:
    username, token = document.get("username"), document.get("token")
    expires_at = document.get("expires_at")
    if not isinstance(username, str) or not username or not is_line(username):
        return None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return None
    if not is_time(expires_at):
        return None
    return SignIn(username, token, float(expires_at))
