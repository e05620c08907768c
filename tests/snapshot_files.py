"""Where this project keeps its snapshots: `tests/snapshots`, below which a test names its file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from syrupy.assertion import SnapshotAssertion

from engine.testing import snapshots

__all__ = ["SNAPSHOTS", "same_as_file", "unused"]

SNAPSHOTS = Path(__file__).resolve().parent / "snapshots"


def same_as_file(snapshot: SnapshotAssertion, name: str, text: str) -> None:
    """Assert that a text is what the file holds. `name`: the file below tests/snapshots, with forward slashes."""
    assert snapshots.matches_file(snapshot, SNAPSHOTS, name, text), f"{name}: pytest --snapshot-update writes it anew"


def unused(folder: str, names: Iterable[str]) -> list[str]:
    """The files below a folder of tests/snapshots that are none of these: delete them."""
    left = snapshots.unused(SNAPSHOTS, names)
    return [name for name in left if name.startswith(f"{folder}/")]
