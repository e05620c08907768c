"""Pictures as immutable handles: original bytes, size, media type, digest.

This module knows how bytes become base64 text and back, and that a picture is known by its digest; what the bytes
say of themselves is read in `engine.image_headers`. It changes no byte and knows nothing about requests or servers.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.errors import ImageError
from engine.image_headers import MAX_SIDE, Header, is_whole, read_header

__all__ = ["MAX_FILE_BYTES", "MAX_SIDE", "Header", "Image", "read_header"]

#: The largest file that `Image.from_file` reads, in bytes.
MAX_FILE_BYTES: Final = 256 * 1024 * 1024

_EXTENSIONS: Final = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif"}

_DATA_URL: Final = re.compile(r"data:image/[a-z0-9.+-]+(?:;[a-z0-9.+-]+=[^;,]*)*;base64,", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Image:
    """A picture, exactly as it came: immutable, hashable by its digest, safe between threads, pickle-able.

    Make one with `from_bytes`, `from_base64`, `from_file` or `predict`. A picture must be whole, which is
    checked by the end that its format has: a PNG holds its IEND chunk, a JPEG an end-of-image marker behind
    its frame header, a GIF ends with its trailer (zero bytes may follow), a WebP is as long as its
    RIFF header says. This finds downloads that were cut off; bytes behind the end of a PNG, JPEG or WebP are
    kept and do no harm, since cameras and servers do write some.

    Base64 text and digest are made when first asked for, and kept. Two threads that ask at the same moment may
    both make them: they make the same.
    """

    header: Header
    predicted: bool
    _data: bytes
    _base64: str | None
    _digest: str | None

    @classmethod
    def from_bytes(cls, data: bytes) -> Image:
        """The picture that these bytes are. Raises ImageError as `read_header` does, and where it is cut off."""
        header = read_header(data)
        if not is_whole(data, header.media_type):
            raise ImageError(
                f"The {_name(header)} picture is cut off: its end is missing. Get or save it anew.",
                code="image-truncated",
            )
        return cls(header, False, bytes(data), None, None)

    @classmethod
    def from_base64(cls, text: str) -> Image:
        """The picture in this base64 text, which may start with `data:image/…;base64,`.

        The text (without such a start) is kept and handed on by `base64`: it is decoded once and never encoded
        again. Raises ImageError `image-not-base64` for anything that is not strict base64: blanks, line
        breaks, the URL-safe alphabet, missing or surplus padding; and whatever `from_bytes` raises.
        """
        if prefix := _DATA_URL.match(text):
            text = text[prefix.end() :]
        try:
            data = binascii.a2b_base64(text, strict_mode=True)
        except ValueError as error:
            # `error` speaks of the kind of fault only; neither it nor this message holds any of the text.
            raise ImageError(
                f"The image is not valid base64 text ({error}). Send it on one line, padded, in the standard alphabet.",
                code="image-not-base64",
            ) from error
        image = cls.from_bytes(data)
        object.__setattr__(image, "_base64", text)
        return image

    @classmethod
    def from_file(cls, path: Path) -> Image:
        """The picture in a file of at most `MAX_FILE_BYTES`. Every ImageError names the path."""
        try:
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            reason = error.strerror if error.strerror is not None else type(error).__name__
            raise ImageError(f"{path.as_posix()} cannot be read: {reason}.", code="image-unreadable") from error
        except ValueError as error:
            raise ImageError(f"{path.as_posix()!r} is no file name: {error}.", code="image-unreadable") from error
        if len(data) > MAX_FILE_BYTES:
            limit = MAX_FILE_BYTES // (1024 * 1024)
            raise ImageError(f"{path.as_posix()} is larger than {limit} MiB.", code="image-size")
        try:
            return cls.from_bytes(data)
        except ImageError as error:
            raise ImageError(f"{path.as_posix()}: {error.message}", code=error.code) from error

    @classmethod
    def predict(cls, width: int, height: int) -> Image:
        """A stand-in for a picture that does not exist yet, of the size in pixels that it should have.

        Dry runs thread these from stage to stage. `predicted` is true, the media type is a guess (PNG), and
        asking for `data` or `base64` raises ImageError `image-predicted`.
        """
        return cls(Header("image/png", width, height), True, b"", None, f"predicted:{width}x{height}")

    @property
    def media_type(self) -> str:
        """The media type, as "image/png"."""
        return self.header.media_type

    @property
    def width(self) -> int:
        """The width in pixels."""
        return self.header.width

    @property
    def height(self) -> int:
        """The height in pixels."""
        return self.header.height

    @property
    def extension(self) -> str:
        """The end of a file name for this kind of picture, as ".png"."""
        return _EXTENSIONS[self.media_type]

    @property
    def size_bytes(self) -> int:
        """How many bytes the picture has; 0 for a stand-in."""
        return len(self._data)

    @property
    def data(self) -> bytes:
        """The bytes, exactly as they came. Raises ImageError `image-predicted` for a stand-in."""
        self._need_bytes()
        return self._data

    @property
    def base64(self) -> str:
        """The bytes as base64 text: the text they came as, or made once. Raises ImageError `image-predicted`."""
        self._need_bytes()
        text = self._base64
        if text is None:
            text = binascii.b2a_base64(self._data, newline=False).decode("ascii")
            object.__setattr__(self, "_base64", text)
        return text

    @property
    def digest(self) -> str:
        """The name of exactly these bytes: "sha256:<64 hex digits>", or "predicted:512x512" for a stand-in."""
        digest = self._digest
        if digest is None:
            digest = f"sha256:{hashlib.sha256(self._data).hexdigest()}"
            object.__setattr__(self, "_digest", digest)
        return digest

    def save(self, path: Path) -> Path:
        """Write the bytes, exactly as they came, and give the path. Raises OSError as writing a file does."""
        path.write_bytes(self.data)
        return path

    def describe(self) -> str:
        """What snapshots and logs show: "sha256:12ab34cd56ef… png 64x64", or "predicted:512x512"."""
        if self.predicted:
            return self.digest
        return f"{self.digest[: len('sha256:') + 12]}… {_name(self.header)} {self.width}x{self.height}"

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, Image) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<Image {self.describe()}>"

    def _need_bytes(self) -> None:
        if self.predicted:
            raise ImageError(
                f"This image ({self.digest}) is a stand-in in a dry run: it has no data. Run the plan to get it.",
                code="image-predicted",
            )


def _name(header: Header) -> str:
    return header.media_type.removeprefix("image/")
