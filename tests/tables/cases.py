"""The folders of good and bad tables: where they lie, and how one becomes a folder that a catalog reads.

A case holds only the files in which it differs from `base/`, which describes a small back end that is made up.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.backends.catalog import Catalog
from engine.documents import read_document
from engine.errors import Finding, TableError

__all__ = ["BAD", "BASE", "GOOD", "Case", "cases", "findings_of", "shown"]

HERE = Path(__file__).resolve().parent
BASE, GOOD, BAD = HERE / "base", HERE / "good", HERE / "bad"
BACKEND = "mini"


@dataclass(frozen=True)
class Case:
    """One case: its folder, and what its case.yaml says."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    def read(self, name: str) -> Any:
        return read_document(self.folder / name).value

    def lay_out(self, into: Path) -> Path:
        """A folder with the base and, over it, this case's own files."""
        shutil.copytree(BASE, into, dirs_exist_ok=True)
        for part in ("mappings", "schemas"):
            if (self.folder / part).is_dir():
                shutil.copytree(self.folder / part, into / part, dirs_exist_ok=True)
        return into


def cases(kind: Path) -> Iterator[Case]:
    """Every case of a kind, by name."""
    yield from (Case(folder) for folder in sorted(kind.iterdir()) if folder.is_dir())


def findings_of(folder: Path, backend: str = BACKEND) -> tuple[Finding, ...]:
    """What is wrong with one back end of a folder, or with the rules under it."""
    try:
        Catalog([folder]).backend(backend)
    except TableError as problem:
        return problem.findings
    return ()


def shown(findings: tuple[Finding, ...], folder: Path) -> str:
    """The findings as people see them, with files as if the folder were the working directory."""
    return "".join(f"{finding}\n" for finding in findings).replace(f"{folder.as_posix()}/", "")
