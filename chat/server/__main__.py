"""The command line of a chat server: `chat-server --id N`, or python server.py from a clone."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from chat.config import Config, ConfigError, config_places, find_config, load_config, parse_address
from chat.output import guard_output
from chat.server.command import reconfigure
from chat.server.descriptors import allow_many
from chat.server.identity import make_identity
from chat.server.key_holder import Refused
from chat.server.log_file import open_log
from chat.server.logs import set_up_logging
from chat.server.loop_watch import LoopWatch
from chat.server.memory import end_at_once, is_lacking, too_little
from chat.server.node import Node
from chat.server.options import Options, StartError
from chat.server.serving import serve


def folder(text: str) -> Path:
    """An empty one would be the folder that the server was started in, whichever that is."""
    if not text:
        raise argparse.ArgumentTypeError("must be the path of a folder")
    return Path(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="One server of the replicated chat.")
    parser.add_argument("--id", type=int, metavar="N", help="which of the configured servers")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"default: the first that is there of {', '.join(map(str, config_places()))}",
    )
    parser.add_argument("--data-dir", type=folder, help="instead of the configured folder")
    parser.add_argument("--listen", metavar="HOST:PORT", help="instead of the configured address")
    parser.add_argument("--join", action="store_true", help='join also where rejoin is "manual"')
    parser.add_argument(
        "--force-new-view",
        action="store_true",
        help="serve without the servers that are missing: what only they hold is LOST",
    )
    parser.add_argument(
        "--reconfigure",
        type=Path,
        metavar="FILE",
        help="change the servers that run to the configuration in FILE, while they serve",
    )
    parser.add_argument("--make-key", action="store_true", help="make the cluster's key file")
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning"))
    parser.add_argument("--log-format", default="text", choices=("text", "json"))
    parser.add_argument(
        "--log-file",
        type=Path,
        metavar="FILE",
        help="instead of standard error; a new one is begun at 16 MiB, and five are kept",
    )
    parser.add_argument("--metrics", metavar="HOST:PORT", help="instead of the configured address")
    arguments = parser.parse_args()
    if arguments.id is None and not arguments.make_key:
        parser.error("--id is needed")
    return arguments


def change(config: Config, arguments: argparse.Namespace) -> int:
    """Raises ConfigError, Refused."""
    try:
        for sentence in reconfigure(config, arguments.id, arguments.reconfigure):
            print(sentence, flush=True)  # noqa: T201
    except KeyboardInterrupt:
        print("Taken back, unless the servers go over to it already.")  # noqa: T201
        return 130
    return 0


def main() -> int:
    arguments = parse_arguments()
    try:
        arguments.config = arguments.config or find_config()
        config = load_config(arguments.config)
        if arguments.make_key:
            key, certificate = make_identity(config, arguments.config.parent)
            print(f"{key}: secret; copy it to the data folder of every server")  # noqa: T201
            print(f"{certificate}: copy it to every client, beside its config.json")  # noqa: T201
            return 0
        if arguments.id not in config.servers:
            known = ", ".join(map(str, config.servers))
            raise ConfigError(f"--id {arguments.id} is not configured; configured are: {known}")
        if arguments.reconfigure:
            return change(config, arguments)
        listen = parse_address(arguments.listen, 0) if arguments.listen else None
        metrics = parse_address(arguments.metrics, 0) if arguments.metrics else None
        set_up_logging(
            arguments.id,
            arguments.log_level,
            arguments.log_format,
            open_log(arguments.log_file),
        )
        if sentence := too_little():
            raise StartError(sentence)
        allow_many()
        options = Options(
            listen,
            arguments.data_dir,
            metrics,
            arguments.config,
            arguments.join,
            arguments.force_new_view,
        )
        watch = LoopWatch()
        return watch.run(serve(Node(config, arguments.id, options, watch.longest_gap_ms)))
    except (ConfigError, StartError, Refused) as error:
        print(f"server: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except Exception as error:
        if not is_lacking(error):
            raise
        print(f"server: it gets too little memory to start ({error})", file=sys.stderr)  # noqa: T201
        end_at_once(2)
        return 2


def run() -> int:
    """The program: `main`, and what it prints blocks nobody."""
    guard_output()
    return main()


if __name__ == "__main__":
    sys.exit(run())
