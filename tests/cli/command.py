"""The command as tests call it: in a process of its own, where streams and signals matter, or in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

__all__ = ["PORTRAIT", "ROOT", "run"]

ROOT = Path(__file__).resolve().parent.parent.parent
PORTRAIT = ROOT / "examples" / "portrait.yaml"

#: What the environment of a test run may say of terminals, and what would make outputs differ.
_DECIDED = ("NO_COLOR", "FORCE_COLOR", "PY_COLORS", "TERM", "COLUMNS", "GITHUB_ACTIONS", "TERMINAL_WIDTH")


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
