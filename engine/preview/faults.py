"""Failures on demand: which generation requests fail, and how.

This module knows how a failure is written (`upscale=500`, `3=oom`, `2=drop`) and which one strikes next. In which
words a server says it is the protocol's business.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["STAGES", "Fault", "Faults", "read_fault"]

Kind = Literal["status", "oom", "drop", "lost"]

#: The kinds of stage that a request can be told to be.
STAGES: Final = ("txt2img", "img2img", "upscale", "hires", "adetailer")

_KINDS: Final[tuple[Kind, ...]] = ("oom", "drop", "lost")
_WRITTEN: Final = re.compile(r"(?P<where>[a-z0-9]+)=(?P<kind>[a-z]+|[45]\d\d)")


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure: of every request of a stage type, or of the request with this number (from 1).

    `kind`: a refusal with this HTTP `status`; `oom`, the card's memory is full; `drop`, the connection is cut;
    `lost`, the job is forgotten, as after a restart (a server that has no jobs to forget hangs up).
    """

    where: str | int
    kind: Kind
    status: int = 500


def read_fault(text: str) -> Fault:
    """The failure in `upscale=500`, `3=oom`. Raises ValueError that says what may be written."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no failure: write what fails and how, as in upscale=500 or 3=oom.")
    where: str | int = int(found["where"]) if found["where"].isdigit() and len(found["where"]) < 10 else found["where"]
    if where not in STAGES and not (isinstance(where, int) and where >= 1):
        raise ValueError(f"{found['where']!r} is no stage: use {', '.join(STAGES)}, or a request's number from 1.")
    if found["kind"].isdigit():
        return Fault(where, "status", int(found["kind"]))
    for kind in _KINDS:
        if found["kind"] == kind:
            return Fault(where, kind)
    raise ValueError(
        f"{found['kind']!r} is no way to fail: use {', '.join(_KINDS)}, or an HTTP status from 400 to 599."
    )


class Faults:
    """The failures of one server, and its count of generation requests. Safe between threads."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = tuple(faults)
        self._count = 0
        self._lock = threading.Lock()

    def strike(self, stage: str) -> Fault | None:
        """Count a generation request of this stage type; what it fails with, if it does. A number goes first."""
        with self._lock:
            self._count += 1
            for where in (self._count, stage):
                for fault in self._faults:
                    if fault.where == where:
                        return fault
        return None
