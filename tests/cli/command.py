"""The command as tests call it: in a process of its own, where streams and signals matter, or in this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

__all__ = ["PORTRAIT", "ROOT", "Command", "Done", "environment", "run"]

ROOT = Path(__file__).resolve().parent.parent.parent
PORTRAIT = ROOT / "examples" / "portrait.yaml"

#: What the environment of a test run may say of terminals, and what would make outputs differ.
_DECIDED = ("NO_COLOR", "FORCE_COLOR", "PY_COLORS", "TERM", "COLUMNS", "GITHUB_ACTIONS", "TERMINAL_WIDTH")


@dataclass(frozen=True)
class Done:
    """What a command has ended with, and said."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What stdout holds as JSON."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


#: Runs the command in this process: `command("run", plan, given="what stdin holds")`.
Command = Callable[..., Done]


def environment(**changed: str) -> dict[str, str]:
    """The environment of a test: 80 columns, no colour, unless said otherwise."""
    known = {name: value for name, value in os.environ.items() if name not in _DECIDED}
    return {**known, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "80", **changed}


def run(
    *arguments: str | Path, cwd: Path, stdout: IO[str] | int = subprocess.PIPE, given: str | None = None, **changed: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in a process. `given`: what it finds on stdin; `changed`: its environment."""
    command = [sys.executable, "-m", "engine.cli", *map(str, arguments)]
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment(**changed),
        input="" if given is None else given,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
