"""The server's files, in memory: what was uploaded, what was saved, what is temporary.

This module knows names as the server makes them (0.3.64, recorded): counters behind a prefix, "x (1).png" where a name
is taken by something else, the same name for the same picture. Nothing is ever written to disk, and the oldest results
go when there is no more room.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["FOLDERS", "Files", "Folder", "Outside", "Place"]

Folder = Literal["input", "output", "temp"]

FOLDERS: Final[tuple[Folder, ...]] = ("input", "output", "temp")

#: How much is kept, in bytes; results beyond it go, oldest first.
_ROOM: Final = 512 * 1024 * 1024

#: "picture.png [output]": a name may say in which folder it is meant.
_ANNOTATED: Final = re.compile(r"(?P<name>.*) \[(?P<folder>input|output|temp)\]")


class Outside(Exception):  # noqa: N818 - what a name is, not a fault of the program
    """A name leads out of its folder."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file is. `subfolder` is "" or a path with slashes."""

    folder: Folder
    subfolder: str
    name: str


class Files:
    """All files. Safe between threads."""

    def __init__(self, room: int = _ROOM) -> None:
        self._room = room
        self._files: dict[Place, bytes] = {}
        self._lock = threading.Lock()

    def upload(self, folder: Folder, subfolder: str, name: str, data: bytes, *, overwrite: bool) -> Place:
        """Keep an upload; where it is then. Raises Outside."""
        stem, dot, ending = name.rpartition(".")
        if not dot:
            stem, ending = name, ""
        place = Place(folder, _inside(subfolder), _file_name(name))
        with self._lock:
            number = 1
            while not overwrite and place in self._files and self._files[place] != data:
                place = Place(place.folder, place.subfolder, f"{stem} ({number}){dot}{ending}")
                number += 1
            self._keep(place, data)
        return place

    def save(self, folder: Folder, prefix: str, pictures: Sequence[bytes]) -> list[Place]:
        """Keep results under the next numbers of a prefix, which may name a subfolder. Raises Outside."""
        if prefix.startswith(("/", "\\")) or ":" in prefix:
            raise Outside
        path, _, stem = prefix.replace("\\", "/").rpartition("/")
        subfolder = _inside(path)
        numbered = re.compile(re.escape(stem) + r"_(\d+)_\.png")
        with self._lock:
            taken = [
                int(found[1])
                for place in self._files
                if place.folder == folder and place.subfolder == subfolder
                if (found := numbered.fullmatch(place.name)) is not None
            ]
            first = max(taken, default=0) + 1
            places = [Place(folder, subfolder, f"{stem}_{first + k:05}_.png") for k in range(len(pictures))]
            for place, data in zip(places, pictures, strict=True):
                self._keep(place, data)
        return places

    def read(self, place: Place) -> bytes | None:
        """The file's bytes; None where there is none (any more). Raises Outside."""
        _inside(place.subfolder)
        with self._lock:
            return self._files.get(place)

    def named(self, text: str) -> Place:
        """The place of a picture that a graph names: "sub/x.png", "x.png [output]". Raises Outside."""
        annotated = _ANNOTATED.fullmatch(text)
        folder: Folder = next((f for f in FOLDERS if annotated is not None and annotated["folder"] == f), "input")
        path, _, name = (text if annotated is None else annotated["name"]).rpartition("/")
        return Place(folder, _inside(path), name)

    def uploads(self) -> list[str]:
        """The names of what lies in the input folder itself."""
        with self._lock:
            return sorted(place.name for place in self._files if place.folder == "input" and not place.subfolder)

    def forget_temporary(self) -> None:
        """What a restart of the server does to files."""
        with self._lock:
            self._files = {place: data for place, data in self._files.items() if place.folder != "temp"}

    def _keep(self, place: Place, data: bytes) -> None:
        self._files.pop(place, None)
        self._files[place] = data
        size = sum(map(len, self._files.values()))
        for old in list(self._files):
            if size <= self._room or old == place:
                break
            size -= len(self._files.pop(old))


def _inside(path: str) -> str:
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    if path.startswith(("/", "\\")) or ".." in parts or ":" in path:
        raise Outside
    return "/".join(parts)


def _file_name(name: str) -> str:
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        raise Outside
    return name
