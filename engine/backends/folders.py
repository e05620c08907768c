"""Where schemas and mappings lie: folders of the caller's, the user's, of installed packages, and the built-in one.

This module knows places on disk and nothing about what is in the files. A folder holds `mappings/` and `schemas/`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["ENTRY_POINTS", "Folder", "builtin_folder", "search_path", "user_folder"]

#: Installed packages name a folder of theirs under this group of entry points: `mine = my_package:tables`.
ENTRY_POINTS = "stage_engine.folders"


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder with `mappings/` and `schemas/`. `shown` stands before file names in messages; "" for our own."""

    path: Path
    shown: str

    @property
    def mappings(self) -> Path:
        """Its tables."""
        return self.path / "mappings"

    @property
    def schemas(self) -> Path:
        """Its contracts."""
        return self.path / "schemas"

    def name_of(self, file: Path) -> str:
        """A file of this folder as people see it, with forward slashes."""
        return str(PurePosixPath(self.shown, *file.relative_to(self.path).parts))


def builtin_folder() -> Folder:
    """The folder that ships with the package: `engine/_data` in a wheel, the project's own in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_data"
    return Folder(inside if inside.is_dir() else package.parent, "")


def user_folder(environment: Mapping[str, str] | None = None) -> Path:
    """The user's configuration folder for this program, whether it exists or not."""
    known = os.environ if environment is None else environment
    if sys.platform == "win32" and "APPDATA" in known:
        return Path(known["APPDATA"]) / "stage-engine"
    base = known.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base else Path.home() / ".config") / "stage-engine"


def search_path(folders: Iterable[Path | Folder] = ()) -> Sequence[Folder]:
    """All folders in the order in which they are searched: the caller's, the user's, packages', the built-in."""
    found = [folder if isinstance(folder, Folder) else Folder(folder, folder.as_posix()) for folder in folders]
    mine = user_folder()
    if (mine / "mappings").is_dir():
        found.append(Folder(mine, mine.as_posix()))
    found += _installed_folders()
    return (*found, builtin_folder())


def _installed_folders() -> list[Folder]:
    """The folders of installed packages, found without importing them."""
    found = []
    for point in sorted(importlib.metadata.entry_points(group=ENTRY_POINTS), key=lambda p: p.name):
        package, _, inside = point.value.partition(":")
        spec = importlib.util.find_spec(package.split(".")[0])
        for place in (spec.submodule_search_locations or ()) if spec is not None else ():
            path = Path(place, *package.split(".")[1:], *inside.split("/"))
            if (path / "mappings").is_dir():
                found.append(Folder(path, path.as_posix()))
    return found
