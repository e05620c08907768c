"""multipart/form-data (RFC 7578) in whole, as far as uploads need it.

This module knows how parts are separated and named. It reads nothing from sockets: the body is there already, and its
size was bounded before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Final

__all__ = ["Part", "read_form"]

_MAX_PARTS: Final = 32
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{1,70}")


@dataclass(frozen=True, slots=True)
class Part:
    """One field: its bytes, and the file's name where it is a file."""

    data: bytes
    filename: str | None

    @property
    def text(self) -> str:
        """The bytes as text."""
        return self.data.decode("utf-8", "replace")


def read_form(raw: bytes, media: str | None) -> Mapping[str, Part] | None:
    """The fields of a body with this content type, by name (the first of each); None where it is no form."""
    header = Message()
    header["Content-Type"] = "" if media is None else media
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        return None
    if _BOUNDARY.fullmatch(boundary) is None:
        return None
    marker = b"--" + boundary.encode("ascii")
    pieces = (b"\r\n" + raw).split(b"\r\n" + marker)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--") or len(pieces) > _MAX_PARTS + 2:
        return None
    fields: dict[str, Part] = {}
    for piece in pieces[1:-1]:
        head, gap, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name, filename = _names(head)
        if not gap or name is None:
            return None
        fields.setdefault(name, Part(data, filename))
    return fields


def _names(head: bytes) -> tuple[str | None, str | None]:
    for line in head.decode("utf-8", "replace").split("\r\n"):
        key, _, value = line.partition(":")
        if key.strip().lower() == "content-disposition":
            # The message's own reader knows quotes, escapes and the form filename*=UTF-8''...
            header = Message()
            header["Content-Disposition"] = value.strip()
            return _text(header.get_param("name", header="content-disposition")), _text(header.get_filename())
    return None, None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
