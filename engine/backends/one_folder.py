"""One folder of tables by itself, as it is tested and reviewed: its catalog, and the back ends that it holds.

It knows how a folder stands to the built-in one, and nothing about what is in the files.
"""

from __future__ import annotations

from pathlib import Path

from engine.backends.catalog import Catalog
from engine.backends.folders import Folder

__all__ = ["folder_catalog", "own_backends"]


def folder_catalog(folder: Path) -> Catalog:
    """The catalog of a folder that is tested or reviewed; its files are named as they lie in it.

    A folder that holds the rules of all stage types stands alone, any other goes over the built-in one.
    """
    found = Folder(folder, "")
    return Catalog(alone=[found]) if (found.schemas / "request").is_dir() else Catalog([found])


def own_backends(catalog: Catalog, folder: Path) -> list[str]:
    """The back ends that the folder itself holds, by name."""
    return [name for name in catalog.names() if (folder / "mappings" / name / "backend.yaml").is_file()]
