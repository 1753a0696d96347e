"""The chat's window: `python client.py [--config FILE | --servers HOST:PORT,...]`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from chat.client.outbox import OutboxError
from chat.client.session import ChatSession
from chat.client.settings import Profile, profile_folder
from chat.config import ConfigError, load_config, parse_address
from chat.tls import CERTIFICATE_FILE, Trust
from chat.ui.app import App
from chat.ui.fonts import guard_against_colour_fonts, xft_version

DEFAULT_CONFIG = Path("config.json")


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A chat that survives the death of its servers.")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--config", type=Path, metavar="FILE",
                       help=f"where the servers are (default: those of the settings, else "
                       f"{DEFAULT_CONFIG})")  # fmt: skip
    where.add_argument("--servers", metavar="HOST:PORT,...", help="instead of a configuration")
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="of the servers; else cluster.crt beside the configuration",
    )
    parser.add_argument("--profile", default="default", metavar="NAME",
                        help="keeps its own outbox, drafts and settings")  # fmt: skip
    parser.add_argument("--log-level", default="WARNING",
                        choices=("DEBUG", "INFO", "WARNING", "ERROR"))  # fmt: skip
    return parser.parse_args(arguments)


def server_addresses(options: argparse.Namespace, kept: Sequence[str] = ()) -> list[str]:
    """In the order they are tried: what the command line says, then what the person `kept` in
    the settings, then the configuration. ConfigError says what is wrong."""
    if options.servers is not None:
        return [str(parse_address(part.strip())) for part in options.servers.split(",")]
    if options.config is None and kept:
        return list(kept)
    return [str(a) for a in load_config(options.config or DEFAULT_CONFIG).servers.values()]


def trust_for(options: argparse.Namespace, servers: list[str]) -> Trust:
    """ConfigError when servers on other computers are to be called without a certificate."""
    if all(parse_address(server).is_loopback for server in servers):
        return Trust()
    path = options.certificate or (options.config or DEFAULT_CONFIG).parent / CERTIFICATE_FILE
    try:
        return Trust(path.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}): copy {CERTIFICATE_FILE} from a server"
        ) from error


def main(arguments: list[str]) -> int:
    options = parse_arguments(arguments)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(message)s")
    try:
        profile = Profile(profile_folder(options.profile))
        profile.start()
    except (ValueError, OSError) as error:
        print(f"client: {error}", file=sys.stderr)  # noqa: T201
        return 2
    try:
        servers = server_addresses(options, profile.settings.servers)
        trust = trust_for(options, servers)
        guard_against_colour_fonts(xft_version())
        App(
            lambda publish: ChatSession(servers, profile.folder, publish, profile, trust), profile
        ).run()
    except (ConfigError, OutboxError) as error:
        print(f"client: {error}", file=sys.stderr)  # noqa: T201
        return 2
    finally:
        profile.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
