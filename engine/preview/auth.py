"""HTTP Basic authentication (RFC 7617), as far as a server checks it.

This module knows one header. In which words a server refuses is the protocol's business.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
from typing import Literal

__all__ = ["credentials"]


def credentials(header: str | None, wanted: tuple[str, str]) -> Literal["none", "wrong", "right"]:
    """What an Authorization header says to somebody who wants this user name and password."""
    if header is None or not header.startswith("Basic "):
        return "none"
    with contextlib.suppress(ValueError):
        given = base64.b64decode(header.removeprefix("Basic "), validate=True)
        if hmac.compare_digest(given, ":".join(wanted).encode("utf-8")):
            return "right"
    return "wrong"
