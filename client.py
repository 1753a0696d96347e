"""The chat's window: `python client.py [--config FILE | --servers HOST:PORT,...]`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from chat.client.outbox import OutboxError
from chat.client.session import ChatSession
from chat.client.settings import Profile, profile_folder
from chat.config import ConfigError, load_config, parse_address
from chat.tls import CERTIFICATE_FILE, Trust
from chat.ui.app import App
from chat.ui.fonts import guard_against_colour_fonts, xft_version


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A chat that survives the death of its servers.")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--config", type=Path, default=Path("config.json"), metavar="FILE")
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


def server_addresses(options: argparse.Namespace) -> list[str]:
    """In the order they are tried; ConfigError says what is wrong."""
    if options.servers is not None:
        return [str(parse_address(part.strip())) for part in options.servers.split(",")]
    return [str(address) for address in load_config(options.config).servers.values()]


def trust_for(options: argparse.Namespace, servers: list[str]) -> Trust:
    """ConfigError when servers on other computers are to be called without a certificate."""
    if all(parse_address(server).is_loopback for server in servers):
        return Trust()
    path = options.certificate or options.config.parent / CERTIFICATE_FILE
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
        servers = server_addresses(options)
        trust = trust_for(options, servers)
        profile = Profile(profile_folder(options.profile))
        profile.start()
    except (ConfigError, ValueError, OSError) as error:
        print(f"client: {error}", file=sys.stderr)  # noqa: T201
        return 2
    guard_against_colour_fonts(xft_version())
    try:
        App(
            lambda publish: ChatSession(servers, profile.folder, publish, profile, trust), profile
        ).run()
    except OutboxError as error:
        print(f"client: {error}", file=sys.stderr)  # noqa: T201
        return 2
    finally:
        profile.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
