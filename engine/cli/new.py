"""`stage-engine new`: a back end or a case to begin with, that passes `check` as it is.

Names are checked and nothing is overwritten. This module writes files and says what to do next; what stands in them
is made by `engine.reference.starters`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from engine.backends.catalog import Catalog
from engine.backends.folders import builtin_folder
from engine.cli.codes import ExitCode
from engine.cli.inputs import choose_backend, is_folder_of_tables
from engine.cli.output import Output
from engine.cli.saving import write_whole
from engine.errors import did_you_mean
from engine.reference.generated import editor_schemas
from engine.reference.starters import backend_files, case_text, child_files, first_stage
from engine.rules.request import StageType

__all__ = ["NewBackendOptions", "NewCaseOptions", "new_backend", "new_case"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}", re.ASCII)
#: Names that Windows keeps for devices, whatever stands behind the dot.
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class NewBackendOptions:
    """What the command line says. `extends`: the back end that the new one begins as; `into`: the folder for it."""

    name: str
    extends: str | None
    into: Path


@dataclass(frozen=True, slots=True)
class NewCaseOptions:
    """What the command line says. `into`: the folder that holds mappings/, schemas/ and cases/."""

    backend: str
    stage: str
    name: str
    into: Path


def new_backend(options: NewBackendOptions, output: Output) -> ExitCode:
    """Write a back end's first files. Raises typer.BadParameter for a name that is taken or none, TableError."""
    _check_name(options.name, "NAME")
    catalog = _catalog(options.into)
    if options.name in catalog.names() or options.name == "request":
        raise typer.BadParameter(f"there is a back end {options.name!r} already.", param_hint="NAME")
    rules = catalog.rules
    stage = first_stage(rules)
    if options.extends is None:
        files = backend_files(options.name, rules, stage)
    else:
        parent = choose_backend(catalog, options.extends, "--extends")
        runs = catalog.stages(parent)
        stage = stage if stage.name in runs else rules.stages[runs[0]]
        files = child_files(options.name, parent, rules, stage)
    _write(options.into, files, output)
    # These are generated: they follow from the others, so writing them anew loses nothing.
    own = _catalog(options.into)
    alone = Catalog(alone=list(dict.fromkeys([own.folders[0], own.folders[-1]])))
    for name, text, _ in editor_schemas(alone):
        _put(options.into / "schemas" / name, text(), output)
    table, where = f"mappings/{options.name}/{stage.name}.yaml", _shown(options.into)
    _next(
        output,
        [
            f"Edit {(options.into / table).as_posix()}; an editor with a YAML language server completes and marks it.",
            f"stage-engine check {where}",
            f"stage-engine show {options.name}/{stage.name} --tables {where}",
            f"stage-engine payloads PLAN --backend {options.name} --tables {where}",
        ],
    )
    return ExitCode.OK


def new_case(options: NewCaseOptions, output: Output) -> ExitCode:
    """Write a case to begin with. Raises typer.BadParameter for names that are taken or none, TableError."""
    _check_name(options.name, "NAME")
    catalog = _catalog(options.into)
    backend = choose_backend(catalog, options.backend, "BACKEND")
    known = catalog.stages(backend)
    if options.stage not in known:
        ways = did_you_mean(options.stage, known) or f"it has: {', '.join(known)}"
        message = f"the back end {backend} has no stage {options.stage!r}; {ways}"
        raise typer.BadParameter(message, param_hint="STAGE")
    stage: StageType = catalog.rules.stages[options.stage]
    file = f"cases/{backend}/{options.stage}/{options.name}.yaml"
    _write(options.into, {file: case_text(catalog.rules, stage, "Say here what this case is there to show.")}, output)
    _next(
        output,
        [
            f"Edit {(options.into / file).as_posix()}: 'why' says what it shows, 'stage' the config.",
            f"pytest --mappings {_shown(options.into)} --snapshot-update     (keeps what it becomes)",
            "stage-engine review BASE     (shows what an edit changes in it)",
        ],
    )
    return ExitCode.OK


def _check_name(name: str, option: str) -> None:
    if not _NAME.fullmatch(name) or _DEVICES.fullmatch(name) or name.endswith("."):
        message = f"{name!r} is no name for it: use small letters, digits, '-', '_' and '.', a letter or digit first."
        raise typer.BadParameter(message, param_hint=option)


def _catalog(into: Path) -> Catalog:
    own = into.resolve() != builtin_folder().path.resolve() and is_folder_of_tables(into)
    return Catalog([into] if own else [])


def _write(into: Path, files: Mapping[str, str], output: Output) -> None:
    """Write files that are not there; none of them where one is."""
    for name in files:
        if (into / name).exists():
            message = f"{(into / name).as_posix()} is there already, and nothing is overwritten."
            raise typer.BadParameter(message, param_hint="NAME")
    for name, text in files.items():
        _put(into / name, text, output)


def _put(file: Path, text: str, output: Output) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, text.encode())
    except OSError as problem:
        message = f"{file.as_posix()} cannot be written: {problem.strerror}."
        raise typer.BadParameter(message, param_hint="--into") from problem
    output.line(file.as_posix())


def _next(output: Output, steps: Sequence[str]) -> None:
    output.note("")
    output.note("Next:", "bold")
    for step in steps:
        output.note(f"  {step}")


def _shown(into: Path) -> str:
    text = into.as_posix()
    return f'"{text}"' if " " in text else text
