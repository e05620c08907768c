"""Bodies of `multipart/form-data` (RFC 7578): texts and files. It knows bytes and names, and no server."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Part", "form_data"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its name and its bytes; a file has a file name and a media type, too."""

    name: str
    data: bytes = field(repr=False)  # it may be a picture
    file_name: str | None = None
    media_type: str | None = None


def form_data(parts: Sequence[Part]) -> tuple[bytes, str]:
    """The body and its content type. The boundary comes from the parts: the same parts give the same bytes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.name.encode() + b"\0" + part.data + b"\0")
    # No one can write data that holds the digest of itself.
    boundary = f"stage-engine-{digest.hexdigest()[:40]}"
    lines: list[bytes] = []
    for part in parts:
        disposition = f'form-data; name="{_quoted(part.name)}"'
        if part.file_name is not None:
            disposition += f'; filename="{_quoted(part.file_name)}"'
        lines += [f"--{boundary}".encode(), f"Content-Disposition: {disposition}".encode()]
        if part.media_type is not None:
            lines.append(f"Content-Type: {part.media_type}".encode())
        lines += [b"", part.data]
    lines += [f"--{boundary}--".encode(), b""]
    return b"\r\n".join(lines), f"multipart/form-data; boundary={boundary}"


def _quoted(text: str) -> str:
    """A name as browsers write it: quotes and line breaks as percent escapes."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
