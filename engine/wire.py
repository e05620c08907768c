"""From a built body to bytes, and to what people may see of it.

Bodies hold image handles in the place of base64 text until they are encoded here, and names in the place of what
becomes known only when they are sent. What is shown, compared or digested holds a digest, or that name, instead.
Text of other people's, in a message of theirs or in an opaque part of a body, may hold pictures too: what looks like
encoded data is left out. This module knows JSON and images, and no key of any body.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping

from engine.errors import Finding, PayloadError
from engine.images import Image
from engine.tables.concrete import Value
from engine.values import Json, Later, canonical

__all__ = ["cleaned", "described", "digest", "encode"]

#: A run of base64's letters, of either alphabet, in one line or in several. Shorter ones are names and digests;
#: paths mix the alphabets.
_ENCODED = re.compile(r"[A-Za-z0-9+/=]{65,}(?:\r?\n[A-Za-z0-9+/=]+)*|[A-Za-z0-9_=-]{65,}(?:\r?\n[A-Za-z0-9_=-]+)*")
#: A path with folders in it: in quotes, on Windows, elsewhere. Where a server's files lie is not for other people.
_FOLDERS = re.compile(
    r"""(?<=['"])(?:/|[A-Za-z]:\\)[^'"\n]*[/\\](?=[^'"/\\\n]*['"])"""
    r"""|\b[A-Za-z]:\\(?:[^\s\\'":*?<>|]+\\)+"""
    r"""|(?<![\w.:/~+=<-])/(?:[^\s'"/:;,()<>]+/)+"""
)
_MIN_ELIDED = 256
_MAX_MESSAGE = 300
_MAX_READ = 20_000


def encode(body: Value | Mapping[str, Value]) -> bytes:
    """The body as it is sent: JSON in UTF-8, images as base64 text.

    Raises ImageError for a picture that does not exist yet (a dry run's), and PayloadError for a value that should
    have become known by now and has not.
    """
    return json.dumps(body, default=_base64, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _base64(value: object) -> str:
    if isinstance(value, Image):
        return value.base64
    if isinstance(value, Later):
        message = f"the body still holds {value}: nothing has told what it is"
        raise PayloadError([Finding("payload-unresolved", message)])
    raise TypeError(f"a body holds a {type(value).__name__}, which is no JSON value")


def described(value: object) -> Json:
    """The value with every image as its digest, type and size: fit for logs, snapshots and errors.

    So is a text that holds encoded data: an opaque part of a body may have pictures that nobody here knows of.
    """
    if isinstance(value, Image):
        return value.describe()
    if isinstance(value, Later):
        return str(value)
    if isinstance(value, str):
        return _ENCODED.sub(_elided, value)
    if isinstance(value, Mapping):
        return {key: described(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [described(item) for item in value]
    return value  # type: ignore[return-value]


def digest(body: Mapping[str, Value]) -> str:
    """`sha256:` and the digest of the body in its canonical form, images by their own digests.

    What is known only when the body is sent counts by its name: the same request always gives the same digest.
    """
    return "sha256:" + hashlib.sha256(canonical(_with_digests(body)).encode()).hexdigest()


def _with_digests(value: object) -> object:
    if isinstance(value, Image):
        return value.digest
    if isinstance(value, Later):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _with_digests(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_digests(item) for item in value]
    return value


def cleaned(text: str) -> str:
    """Somebody else's message: one line of at most 300 characters.

    Without control characters, encoded data, or the folders that a file lies in.
    """
    short = _FOLDERS.sub("…/", _ENCODED.sub("…", text[:_MAX_READ]))
    line = " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in short).split())
    return line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 1] + "…"


def _elided(found: re.Match[str]) -> str:
    if len(found[0]) < _MIN_ELIDED:
        return found[0]
    return f"<{len(found[0])} characters, sha256:{hashlib.sha256(found[0].encode()).hexdigest()[:12]}…>"
