"""The command of whoever runs the servers, run in this process against servers of a test."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from chat.admin.program import main
from chat.config import Config
from chat.server.config_file import rewrite
from tests.cluster import Cluster


@dataclass(frozen=True)
class Done:
    status: int
    said: str
    error: str

    @property
    def document(self) -> Any:
        return json.loads(self.said)


class Admin:
    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.config = config_file(cluster.config, folder / "admin.json")

    def __call__(self, *arguments: str, typed: str = "") -> Done:
        """`typed` is what standard input has."""
        said, error = io.StringIO(), io.StringIO()
        with patch("sys.stdin", io.StringIO(typed)), redirect_stdout(said), redirect_stderr(error):
            try:
                status = main([*arguments, "--config", str(self.config)])
            except SystemExit as ended:
                status = int(ended.code or 0)
        return Done(status, said.getvalue(), error.getvalue())

    def well(self, *arguments: str, typed: str = "") -> str:
        """What it says, once it has come to a good end."""
        done = self(*arguments, typed=typed)
        assert (done.status, done.error) == (0, ""), done
        return done.said

    def document(self, *arguments: str) -> Any:
        return json.loads(self.well(*arguments, "--json"))


def config_file(config: Config, path: Path) -> Path:
    path.write_text(json.dumps({"data_dir": str(config.data_dir), "tls": config.tls}))
    rewrite(path, config)
    return path
