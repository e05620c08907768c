"""Failures on demand, in the words of the /sdapi/v1 family.

This module knows what each kind of failure is there: a status, a full card, a connection that is cut. A job that is
forgotten is a cut connection too, since these servers have no jobs to ask for later.
"""

from __future__ import annotations

from engine.preview.faults import Faults
from engine.preview.messages import HangUp
from engine.preview.sdapi.jobs import Jobs
from engine.preview.sdapi.refusals import failed, refused

__all__ = ["strike"]


def strike(faults: Faults, jobs: Jobs, stage: str) -> None:
    """Count a generation request of this stage type; where it is to fail, take half its time and fail."""
    fault = faults.strike(stage)
    if fault is None:
        return
    jobs.waste()
    match fault.kind:
        case "status":
            raise refused(fault.status, "The preview was told to fail here.")
        case "oom":
            text = "CUDA out of memory. Tried to allocate 4.50 GiB (a preview that was told so)."
            raise failed("OutOfMemoryError", text)
        case _:
            raise HangUp
