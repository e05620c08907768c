"""What lets a request in: a name and a password, or a token in a header. And what keeps them out of sight.

Where a token goes, and which environment variable holds it, is the back end's data. This module sends nothing, and
nothing of what it holds is in its repr.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.backends.steps import Auth
from engine.errors import StageEngineError

__all__ = ["PASSWORD", "USERNAME", "Credentials", "credentials"]

#: Where a name and a password are taken from when the caller passes none.
USERNAME, PASSWORD = "STAGE_ENGINE_USERNAME", "STAGE_ENGINE_PASSWORD"

#: Shorter secrets are not looked for in what a server says: they would be found in the middle of words.
_MIN_REDACTED = 4


@dataclass(frozen=True, slots=True)
class Credentials:
    """Headers that let a request in, and the texts that nobody may see."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def redacted(self, body: bytes) -> bytes:
        """What a server said, without the secrets that it may have said again."""
        for secret in self.secrets:
            if len(secret) >= _MIN_REDACTED:
                body = body.replace(secret.encode(), b"[redacted]")
        return body


def credentials(form: Auth | None, given: tuple[str, str] | str | None) -> Credentials:
    """What to send. `form`: where the back end wants a token; `given`: a name and a password, a token, or None.

    Where None is given, the environment is asked: for the token that the form names, then for a name and a password.
    Raises StageEngineError `auth-token` for a token that no header can hold, or one that the back end has no place for.
    """
    known = given
    if known is None and form is not None:
        known = os.environ.get(form.environment)
    if known is None and USERNAME in os.environ and PASSWORD in os.environ:
        known = (os.environ[USERNAME], os.environ[PASSWORD])
    if known is None or known == "":
        return Credentials()
    if not isinstance(known, str):
        name, password = known
        basic = base64.b64encode(f"{name}:{password}".encode()).decode()
        return Credentials({"Authorization": f"Basic {basic}"}, (basic, password))
    if form is None:
        message = "this back end takes a name and a password, and not a token: its description has no 'auth'"
        raise StageEngineError(message, code="auth-token")
    token = known.strip()
    if not (token.isascii() and token.isprintable()) or " " in token:
        origin = "that was passed" if given is not None else f"in {form.environment}"
        message = f"the token {origin} holds a blank, a line break or a letter that no header can hold"
        raise StageEngineError(message, code="auth-token")
    return Credentials({form.header: f"{form.before}{token}"}, (token,)) if token else Credentials()
