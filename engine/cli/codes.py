"""The exit codes of the command, and which of them an error or a run's end gives.

They are part of the interface: scripts branch on them. A plan that must be edited (3) and a server that must be
started (4) are different answers; so are a run that failed (1) and one that gave fewer pictures than asked for (5).
A review that found changes ends with 10, and with 11 where who owns a field or what a contract allows is among them:
neither is a failure.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final

from engine.errors import (
    BackendTimeoutError,
    BackendUnreachableError,
    HttpStatusError,
    ImageError,
    PayloadError,
    PlanError,
    StageEngineError,
    TableError,
)
from engine.results import PipelineResult

__all__ = ["ExitCode", "code_of_error", "code_of_result", "worst"]

#: What a proxy answers where the server behind it is down, restarting or silent (RFC 9110, 15.6.3 to 15.6.5).
_UNAVAILABLE: Final = frozenset({502, 503, 504})


class ExitCode(enum.IntEnum):
    """What the command ends with."""

    OK = 0
    FAILED = 1
    USAGE = 2
    INVALID = 3
    UNAVAILABLE = 4
    PARTIAL = 5
    PAYLOADS_CHANGED = 10
    BOUNDARY_CHANGED = 11
    CANCELLED = 130


#: From what is well to what is worst, where several runs ended in one command.
_ORDER: Final = (
    ExitCode.OK,
    ExitCode.PARTIAL,
    ExitCode.FAILED,
    ExitCode.UNAVAILABLE,
    ExitCode.INVALID,
    ExitCode.USAGE,
    ExitCode.CANCELLED,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The code that stands for several: a person's own stop, then what must be mended, then what failed."""
    return max(codes, key=_ORDER.index, default=ExitCode.OK)


def code_of_error(error: StageEngineError) -> ExitCode:
    """The exit code of an error.

    Plans, tables, contracts and pictures that must be mended are INVALID. A server that cannot be reached, does not
    answer in time or hides behind a proxy that says so (502, 503, 504) is UNAVAILABLE. An address that is none is
    a matter of USAGE. All else FAILED, other refusals of a server included.
    """
    match error:
        case PlanError() | TableError() | PayloadError() | ImageError():
            return ExitCode.INVALID
        case BackendUnreachableError() | BackendTimeoutError():
            return ExitCode.UNAVAILABLE
        case HttpStatusError(status=status) if status in _UNAVAILABLE:
            return ExitCode.UNAVAILABLE
        case StageEngineError(code="url"):
            return ExitCode.USAGE
        case _:
            return ExitCode.FAILED


def code_of_result(result: PipelineResult) -> ExitCode:
    """The exit code of a run that began. Fewer pictures than asked for are PARTIAL, whatever cut them off."""
    match result.status:
        case "completed":
            return ExitCode.OK
        case "partial":
            return ExitCode.PARTIAL
        case "cancelled":
            return ExitCode.CANCELLED
        case _:
            return ExitCode.FAILED if result.error is None else code_of_error(result.error)
