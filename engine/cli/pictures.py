"""`--input`: the pictures that the first stage takes, from files, folders and patterns.

The order is always the same: as the words were typed, and within a folder or a pattern by name, numbers by their
size (2 before 10). This module knows file names; what a picture is, the engine says.
"""

from __future__ import annotations

import glob
import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import typer

from engine.images import Image

__all__ = ["MAX_PICTURES", "pictures_at"]

#: How many pictures may feed a stage: as many as a plan may name.
MAX_PICTURES: Final = 256

#: How files end that count as pictures where a folder or a pattern is named. A file that is named itself may end as
#: it likes.
_ENDINGS: Final = (".png", ".jpg", ".jpeg", ".webp", ".gif")


def pictures_at(words: Sequence[str]) -> tuple[Image, ...]:
    """The pictures that these words name.

    Raises typer.BadParameter where a word names none, or all of them name too many; ImageError for a file that is
    no picture.
    """
    files: list[Path] = []
    for word in words:
        files += _files(word)
        if len(files) > MAX_PICTURES:
            raise _refused(f"{word} makes it more than {MAX_PICTURES} pictures: name fewer.")
    return tuple(Image.from_file(file) for file in files)


def _files(word: str) -> list[Path]:
    path = Path(word)
    if path.is_dir():
        found = _pictures(path.iterdir())
        if not found:
            raise _refused(f"the folder {word} holds no pictures ({', '.join(_ENDINGS)}).")
        return found
    if path.exists():
        return [path]
    if not glob.has_magic(word):
        raise _refused(f"there is no picture {word}.")
    found = _pictures(Path(name) for name in glob.iglob(word, recursive=True))  # noqa: PTH207 - it may be absolute
    if not found:
        raise _refused(f"no picture fits {word} ({', '.join(_ENDINGS)}).")
    return found


def _pictures(files: Iterable[Path]) -> list[Path]:
    """Those that are pictures by their names, in order; no more of them than it takes to see that it is too many."""
    pictures = (file for file in files if file.suffix.lower() in _ENDINGS and file.is_file())
    return sorted(itertools.islice(pictures, MAX_PICTURES + 1), key=_order)


def _order(file: Path) -> tuple[list[tuple[bool, int, str]], str]:
    parts = re.split(r"(\d+)", file.as_posix().casefold())
    return [(part.isdecimal(), int(part[:100]) if part.isdecimal() else 0, part) for part in parts], file.as_posix()


def _refused(message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint="--input")
