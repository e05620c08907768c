"""The command `stage-engine`: the door that works without the extra, too.

All that is done here is to see whether the libraries of the extra `cli` are installed. Nothing else in the package
imports them, so that a host that only wants the runner never meets them.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence

__all__ = ["main"]

#: What the command needs and the library does not. PIL is Pillow's import name; the preview draws with it.
_EXTRA = ("typer", "rich", "PIL")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command with these arguments, or with the process's own. Raises SystemExit with the exit code."""
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(f"stage-engine needs {', '.join(missing)}: run  pip install 'stage-engine[cli]'\n")
        raise SystemExit(2)
    from engine.cli.app import start

    start(arguments)
