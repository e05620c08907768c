"""What the command line names, opened: folders of tables, a back end, a plan.

What is wrong with a name that was typed is a matter of usage (typer.BadParameter, exit code 2); what is wrong
inside a file is raised as the engine raises it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from engine.backends.catalog import Backend, Catalog
from engine.backends.folders import builtin_folder, user_folder
from engine.backends.names import Names, load_names
from engine.client import PreparedRequest
from engine.errors import did_you_mean
from engine.plan_files import PlanFile
from engine.planning import PlannedRun, plan_run
from engine.request import GenerateImagesRequest

__all__ = ["choose_backend", "is_folder_of_tables", "open_catalog", "open_names", "planned"]


def is_folder_of_tables(folder: Path) -> bool:
    """Whether this is a folder as the engine searches them: with mappings/ or schemas/ in it."""
    return (folder / "mappings").is_dir() or (folder / "schemas").is_dir()


def open_catalog(folders: Sequence[Path], option: str = "--tables") -> Catalog:
    """The catalog that searches these folders first. `option` is what the person typed them after."""
    for folder in folders:
        if not is_folder_of_tables(folder):
            message = f"{folder} holds neither mappings/ nor schemas/: name a folder that does."
            raise typer.BadParameter(message, param_hint=option)
    own = builtin_folder().path.resolve()
    return Catalog([folder for folder in folders if folder.resolve() != own])


def choose_backend(catalog: Catalog, name: str | None, option: str = "--backend") -> str:
    """The back end of this name; without one, the one that calls itself the default."""
    known = catalog.names()
    if name is not None:
        if name not in known:
            near = did_you_mean(name, known)
            ways = f"there are: {', '.join(known)}" if near is None else near
            raise typer.BadParameter(f"there is no back end {name!r}; {ways}", param_hint=option)
        return name
    default = catalog.default()
    if default is None:
        message = f"no back end calls itself the default: name one of {', '.join(known)}."
        raise typer.BadParameter(message, param_hint=option)
    return default


def open_names(path: Path | None, catalog: Catalog) -> Names | None:
    """The names in this file; without one, in the user's own, if there is one. Raises TableError."""
    if path is None:
        path = user_folder() / "names.yaml"
        if not path.is_file():
            return None
    return load_names(path, catalog)


def planned(plan: PlanFile, catalog: Catalog, backend: Backend, names: Names | None = None) -> PlannedRun:
    """The whole plan resolved, built and checked for a back end, without a server. Raises as the runner does."""

    def prepared(request: GenerateImagesRequest) -> PreparedRequest:
        return PreparedRequest.of(backend, request, names=names)

    return plan_run(plan.plan, plan.base_config, catalog, prepared, dry=True)
