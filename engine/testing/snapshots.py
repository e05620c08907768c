"""Snapshots in files of their own, named by the test: one canonical file a case, in folders that a reviewer can read.

An extension for syrupy. Its own JSON extension drops "/" from names and puts a folder for each test module around
them; here the name is the file below one folder. Nothing is pruned: which files no case wants any more is said by
`unused`, so that a run of a few tests never takes the others' files for stale.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from syrupy.assertion import SnapshotAssertion
from syrupy.data import SnapshotCollections
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation

from engine.values import canonical_text

__all__ = ["canonical_text", "matches_file", "unused"]


def matches_file(snapshot: SnapshotAssertion, folder: Path, name: str, text: str) -> bool:
    """Whether a text is what a file of a folder holds; `--snapshot-update` writes it. `name`: with forward slashes."""
    return bool(text == snapshot(name=name, extension_class=_extension(folder)))


def unused(folder: Path, names: Iterable[str]) -> list[str]:
    """The files below a folder that are none of these: no case wants them any more."""
    known = {folder / name for name in names}
    return sorted(
        file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file() and file not in known
    )


class _NamedFile(SingleFileSnapshotExtension):
    """The name of an assertion is its file below `folder`, with its ending. Syrupy names the arguments."""

    folder: Path
    _write_mode = WriteMode.TEXT
    file_extension = ""

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(cls.folder)

    @classmethod
    def get_file_basename(cls, *, test_location: PyTestLocation, index: Any) -> str:
        return str(index)

    @classmethod
    def matches_test_location(cls, *, test_location: PyTestLocation, snapshot_location: str) -> bool:
        return True

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: Any = 0) -> str:
        return f"{test_location.snapshot_name}[{index}]"

    def discover_snapshots(
        self, *, test_location: PyTestLocation, ignore_extensions: Any = None
    ) -> SnapshotCollections:
        """None: what is not asked for in this run is not looked at."""
        return SnapshotCollections()


_EXTENSIONS: dict[Path, type[_NamedFile]] = {}


def _extension(folder: Path) -> type[_NamedFile]:
    """The extension for a folder, made once: syrupy takes its settings from the class."""
    if folder not in _EXTENSIONS:
        _EXTENSIONS[folder] = type("_NamedFileOfFolder", (_NamedFile,), {"folder": folder})
    return _EXTENSIONS[folder]
