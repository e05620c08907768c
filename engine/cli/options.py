"""The options that several commands share, each written once: its names, its help, what a shell completes in it.

This module knows words of the command line and nothing of what is done with them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

__all__ = ["Backend", "CheckFormat", "Json", "Plan", "Tables"]

Plan: TypeAlias = Annotated[
    Path, typer.Argument(metavar="PLAN", help="The plan, in YAML or JSON.", exists=True, dir_okay=False)
]
Backend: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--backend",
        "-b",
        metavar="NAME",
        help="Whose tables make the payloads. [dim](the back end that is marked as default)[/]",
    ),
]
Tables: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--tables",
        "-t",
        metavar="DIR",
        help="A folder of your own with mappings/ and schemas/; searched first. May be given several times.",
        exists=True,
        file_okay=False,
    ),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="JSON for programs on stdout, and nothing else there.")]

CheckFormat: TypeAlias = Literal["text", "json", "sarif"]
