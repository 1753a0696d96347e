"""The command line of the window: `chat-client`, or python client.py from a clone."""

from __future__ import annotations

import argparse
import logging
import sys
import tkinter as tk
from pathlib import Path

from chat.client.servers import server_addresses, trust_for
from chat.client.session import ChatSession
from chat.client.settings import Profile, profile_folder
from chat.config import ConfigError
from chat.output import guard_output
from chat.system import ending_signals
from chat.tls import Trust
from chat.ui.app import App
from chat.ui.look.fonts import guard_against_colour_fonts, xft_version


def own_name(program: str) -> str:
    """How a person starts this program."""
    return "chat-client" if program.startswith("chat-client") else "python client.py"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A chat that survives the death of its servers.")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--config", type=Path, metavar="FILE", help="where the servers are "
                       "(default: those of the settings, else the first config.json "
                       "that is here, among your settings or this computer's; without "
                       "any, the window asks for an invitation)")  # fmt: skip
    where.add_argument("--servers", metavar="HOST:PORT,...", help="instead of a configuration")
    parser.add_argument("--certificate", type=Path, metavar="FILE",
                        help="default: cluster.crt beside the configuration")  # fmt: skip
    parser.add_argument("--profile", default="default", metavar="NAME", help="own settings, outbox")
    parser.add_argument("--log-level", default="WARNING",
                        choices=("DEBUG", "INFO", "WARNING", "ERROR"))  # fmt: skip
    parser.add_argument("--beside", default=f"{own_name(parser.prog)} --profile NAME",
                        metavar="COMMAND", help=argparse.SUPPRESS)  # fmt: skip
    return parser.parse_args()


def show(servers: list[str], trust: Trust, profile: Profile, beside: str) -> None:
    """Runs the window until it is closed by hand or by a signal. Raises ConfigError if it cannot
    open."""
    guard_against_colour_fonts(xft_version())
    try:
        app = App(lambda publish: ChatSession(servers, profile.folder, publish, profile, trust),
                  profile, beside, knows_servers=bool(servers))  # fmt: skip
    except tk.TclError as error:
        raise ConfigError(f"no window can be opened: {error}") from error
    app.close_at(*ending_signals())
    app.run()
    if app.refusal:
        raise ConfigError(app.refusal)


def refuse(error: Exception) -> int:
    print(f"client: {error}", file=sys.stderr)  # noqa: T201
    return 2


def main() -> int:
    options = parse_arguments()
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(message)s")
    try:
        profile = Profile(profile_folder(options.profile))
        profile.start()
    except OSError as error:
        return refuse(ConfigError(f"{error.filename} cannot be used ({error.strerror})"))
    except ValueError as error:
        return refuse(error)
    try:
        servers = server_addresses(options.servers, profile.settings.servers, options.config)
        invited = servers == list(profile.settings.servers) and profile.certificate
        if invited and options.certificate is None:
            trust = Trust(profile.certificate)
        else:
            trust = trust_for(servers, options.certificate, options.config)
        show(servers, trust, profile, options.beside)
    except ConfigError as error:
        return refuse(error)
    finally:
        profile.stop()
    return 0


def run() -> int:
    """The program: `main`, and what it prints blocks nobody."""
    guard_output()
    return main()


if __name__ == "__main__":
    sys.exit(run())
