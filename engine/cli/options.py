"""The options that several commands share, each written once: its names, its help, what a shell completes in it.

This module knows words of the command line and nothing of what is done with them.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import typer

from engine.cli import completion
from engine.errors import did_you_mean

__all__ = [
    "CHANGES",
    "DASH",
    "OUTPUT",
    "SERVER",
    "Backend",
    "CheckFormat",
    "Inputs",
    "Json",
    "Names",
    "Plan",
    "PlanChanges",
    "Plans",
    "Set",
    "Stages",
    "Tables",
]

#: Headings in the help: what changes the plan, whom it is for, what comes out.
CHANGES: Final = "Changes to the plan"
SERVER: Final = "Server and tables"
OUTPUT: Final = "Output"

#: What is typed where a file is expected and stdin or stdout is meant.
DASH: Final = Path("-")

_PLAN_ENDINGS: Final = (".yaml", ".yml", ".json")


def _plan_that_is_there(path: Path) -> Path:
    """The path, where a plan can be read from it. Raises typer.BadParameter."""
    # The functions of os.path say no where those of Path raise: a name that is too long, or holds a zero byte.
    if path == DASH:
        return path
    if os.path.isdir(path):  # noqa: PTH112
        raise typer.BadParameter(f"{path} is a folder: name a plan in it.")
    if not os.path.exists(path):  # noqa: PTH110
        beside = path.parent.iterdir() if os.path.isdir(path.parent) else ()  # noqa: PTH112
        plans = [file.name for file in itertools.islice(beside, 1000) if file.suffix.lower() in _PLAN_ENDINGS]
        near = did_you_mean(path.name, plans)
        raise typer.BadParameter(f"there is no plan {path}{'' if near is None else f'; {near}'}")
    return path


def _plans_that_are_there(paths: list[Path]) -> list[Path]:
    return [_plan_that_is_there(path) for path in paths]


Plan: TypeAlias = Annotated[
    Path,
    typer.Argument(metavar="PLAN", help="The plan, in YAML or JSON; - is stdin.", callback=_plan_that_is_there),
]
Plans: TypeAlias = Annotated[
    list[Path],
    typer.Argument(
        metavar="PLANS",
        help="Plans, in YAML or JSON, run one after another; - is stdin.",
        callback=_plans_that_are_there,
    ),
]
Set: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        autocompletion=completion.settings,
        help="Put a value over the plan's: steps=12 for all stages, polish.steps=12 for the stage of that id, or those "
        "of that type. Nothing after = is the empty text, null takes the plan's value back, lists are YAML. May be "
        "given several times.",
        rich_help_panel=CHANGES,
    ),
]
Stages: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--stages",
        metavar="WHICH",
        autocompletion=completion.stages,
        help="Run these stages alone: ids or types with commas between, or a range as in draw..face, polish.. or "
        "..face.",
        rich_help_panel=CHANGES,
    ),
]
Inputs: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="IMAGE",
        help="A picture for the first stage that runs, or a folder or 'pattern*.png' of them, in the order of their "
        "names. Takes the place of the plan's input_images. May be given several times.",
        rich_help_panel=CHANGES,
    ),
]
Backend: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--backend",
        "-b",
        metavar="NAME",
        autocompletion=completion.backends,
        help="Whose tables make the payloads. [dim](the back end that is marked as default)[/]",
        rich_help_panel=SERVER,
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
        rich_help_panel=SERVER,
    ),
]
Json: TypeAlias = Annotated[
    bool,
    typer.Option("--json", help="JSON for programs on stdout, and nothing else there.", rich_help_panel=OUTPUT),
]
Names: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--names",
        metavar="FILE",
        help="What you call checkpoints, VAEs, upscalers, detectors and LoRAs, and what each server calls them. "
        "[dim](names.yaml in your configuration folder)[/]",
        exists=True,
        dir_okay=False,
        rich_help_panel=SERVER,
    ),
]

CheckFormat: TypeAlias = Literal["text", "json", "sarif"]


@dataclass(frozen=True, slots=True)
class PlanChanges:
    """What `--set` (texts), `--stages` and `--input` say together."""

    settings: Sequence[str] = ()
    stages: str | None = None
    inputs: Sequence[str] = ()

    @classmethod
    def of(cls, settings: Sequence[str] | None, stages: str | None, inputs: Sequence[str] | None) -> PlanChanges:
        """As typer gives the options: None where one was not typed."""
        return cls(settings or (), stages, inputs or ())
