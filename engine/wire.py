"""From a built body to bytes, and to what people may see of it.

Bodies hold image handles in the place of base64 text until they are encoded here; what is shown, compared or
digested holds a digest instead. This module knows JSON and images, and no key of any body.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from engine.images import Image
from engine.tables.concrete import Value
from engine.values import Json, canonical

__all__ = ["described", "digest", "encode"]


def encode(body: Mapping[str, Value]) -> bytes:
    """The body as it is sent: JSON in UTF-8, images as base64 text.

    Raises ImageError for a picture that does not exist yet (a dry run's).
    """
    return json.dumps(body, default=_base64, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _base64(value: object) -> str:
    if isinstance(value, Image):
        return value.base64
    raise TypeError(f"a body holds a {type(value).__name__}, which is no JSON value")


def described(value: object) -> Json:
    """The value with every image as its digest, type and size: fit for logs, snapshots and errors."""
    if isinstance(value, Image):
        return value.describe()
    if isinstance(value, Mapping):
        return {key: described(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [described(item) for item in value]
    return value  # type: ignore[return-value]


def digest(body: Mapping[str, Value]) -> str:
    """`sha256:` and the digest of the body in its canonical form, images by their own digests."""
    return "sha256:" + hashlib.sha256(canonical(_with_digests(body)).encode()).hexdigest()


def _with_digests(value: object) -> object:
    if isinstance(value, Image):
        return value.digest
    if isinstance(value, Mapping):
        return {key: _with_digests(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_digests(item) for item in value]
    return value
