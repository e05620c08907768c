"""The two sides of a review: a folder as it lies, or the folder as a git revision holds it.

Of a revision, only tables, contracts and cases are taken out, as plain files and into a folder of their own; nothing
of it is run. This module knows git's command and the disk, and nothing about what is in the files.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from engine.errors import StageEngineError

__all__ = ["PARTS", "Side", "open_side"]

#: What a review reads of a folder.
PARTS: Final = ("mappings", "schemas", "cases")

_GIT_SECONDS: Final = 60
_MAX_BYTES: Final = 64 * 1024**2
_MAX_FILES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Side:
    """One side: what people call it, and the folder with its mappings/, schemas/ and cases/."""

    label: str
    folder: Path


@contextmanager
def open_side(name: str | None, root: Path) -> Iterator[Side]:
    """The side of this name: a folder, or a revision of the git repository that `root` lies in; None is `root` itself.

    Raises StageEngineError (`review-side`) for a name that is neither, and where git cannot be asked.
    """
    if name is None:
        yield _checked(Side("the working tree", root))
    elif name and (folder := Path(name)).is_dir():
        yield _checked(Side(name, folder))
    else:
        with tempfile.TemporaryDirectory(prefix="review-") as made:
            _take_out(_revision(name, root), root, Path(made))
            yield _checked(Side(name, Path(made)))


def _checked(side: Side) -> Side:
    if not (side.folder / "mappings").is_dir():
        raise _refused(f"{side.label} holds no mappings/ to review")
    return side


def _revision(name: str, root: Path) -> str:
    """The commit that a name stands for. A name that looks like an option is none."""
    if not name or name.startswith("-"):
        raise _refused(f"{name!r} is neither a folder nor a revision")
    try:
        return _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").decode().strip()
    except _GitError as problem:
        raise _refused(f"{name!r} is neither a folder nor a revision that git knows here ({problem})") from problem


def _take_out(commit: str, root: Path, into: Path) -> None:
    """Write the files of a commit, from the folder `root` down. Links and what is no plain file are left out."""
    try:
        there = _git(root, "ls-tree", "-z", "--name-only", commit, "--", *PARTS).decode().split("\0")
        parts = [part for part in PARTS if part in there]
        data = _git(root, "archive", "--format=tar", commit, "--", *parts) if parts else b""
    except _GitError as problem:
        raise _refused(f"git cannot show {commit[:12]} ({problem})") from problem
    if not data:
        return
    size = 0
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for count, member in enumerate(archive):
            size += member.size
            if count > _MAX_FILES or size > _MAX_BYTES:
                raise _refused(f"{commit[:12]} holds more than {_MAX_FILES} files or {_MAX_BYTES} bytes of tables")
            steps = PurePosixPath(member.name).parts
            content = archive.extractfile(member) if member.isfile() else None
            if content is None or ".." in steps or PurePosixPath(member.name).is_absolute():
                continue
            file = into.joinpath(*steps)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.read())


class _GitError(Exception):
    """Git said no; its text is what it said."""


def _git(root: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_GIT_SECONDS, check=False)  # noqa: S603
    except FileNotFoundError as problem:
        raise _GitError("git is not installed") from problem
    except subprocess.TimeoutExpired as problem:
        raise _GitError(f"git did not answer within {_GIT_SECONDS} s") from problem
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise _GitError(said[0] if said else f"git ended with {done.returncode}")
    return done.stdout


def _refused(why: str) -> StageEngineError:
    return StageEngineError(why, code="review-side")
