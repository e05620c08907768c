"""Snapshots in files of their own, by names and in folders of the test's choosing.

Syrupy's JSON extension drops "/" from names and puts a folder a test module around them; a reviewer wants to see
`tests/snapshots/a1111/txt2img/minimal.json` change. `pytest --snapshot-update` writes them anew. Which files belong to
a case is said by the test that owns their folder (`unused`), so that a file without a case is an error there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from syrupy.assertion import SnapshotAssertion
from syrupy.data import SnapshotCollections
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation

__all__ = ["SNAPSHOTS", "same_as_file", "unused"]

SNAPSHOTS = Path(__file__).resolve().parent / "snapshots"


class _NamedFile(SingleFileSnapshotExtension):
    """The name of an assertion is its file below tests/snapshots, with its ending."""

    _write_mode = WriteMode.TEXT
    file_extension = ""

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(SNAPSHOTS)

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
        return SnapshotCollections()


def same_as_file(snapshot: SnapshotAssertion, name: str, text: str) -> None:
    """Assert that a text is what the file holds. `name`: the file below tests/snapshots, with forward slashes."""
    assert text == snapshot(name=name, extension_class=_NamedFile)


def unused(folder: str, names: Iterable[str]) -> list[str]:
    """The files below a folder of tests/snapshots that are none of these: delete them."""
    known = {SNAPSHOTS / name for name in names}
    found = (file for file in (SNAPSHOTS / folder).rglob("*") if file.is_file())
    return sorted(file.relative_to(SNAPSHOTS).as_posix() for file in found if file not in known)
