"""The body of a request as data that can be kept and shown: pictures are told by their digests and sizes.

This module knows JSON, forms in parts and what encoded pictures look like, and nothing of who sends them.
"""

from __future__ import annotations

import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import Final

from engine.errors import StageEngineError
from engine.images import Image
from engine.values import Json
from engine.wire import described

__all__ = ["told_body"]

#: How base64 of a PNG, a JPEG, a WebP or a GIF begins, and a data URI.
_PICTURES: Final = ("iVBORw0KGgo", "/9j/", "UklGR", "R0lGOD", "data:image/")


def told_body(body: bytes, content_type: str) -> Json:
    """A body of JSON, the parts of a form by their names, or else how many bytes there are of which type."""
    kind = content_type.partition(";")[0].strip().casefold()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return _without_pictures(json.loads(body))
        except ValueError:
            return f"{len(body)} bytes that are no JSON"
    if kind == "multipart/form-data":
        return _parts(body, content_type)
    return f"{len(body)} bytes of {kind if kind else 'no type'}"


def _parts(body: bytes, content_type: str) -> dict[str, Json]:
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    parts: dict[str, Json] = {}
    for part in message.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)  # noqa: S101 - a part that is no message is bytes
        is_file = part.get_filename() is not None
        parts[name] = _file(data) if is_file else data.decode("utf-8", "replace")
    return parts


def _file(data: bytes) -> str:
    try:
        return Image.from_bytes(data).describe()
    except StageEngineError:
        return f"{len(data)} bytes"


def _without_pictures(value: Json) -> Json:
    """The value with pictures as digests, however short their base64 is."""
    if isinstance(value, dict):
        return {key: _without_pictures(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_pictures(item) for item in value]
    if isinstance(value, str) and value.startswith(_PICTURES):
        try:
            return Image.from_base64(value).describe()
        except StageEngineError:
            pass  # it only begins like one
    return described(value)
