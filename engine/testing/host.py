"""A double of a host's own client: `generate_images(*, stage, payload, timings=None)`, in the host's shape.

It knows that shape and what a picture is, and nothing of plans or back ends: it gives as many pictures as it is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from engine.testing.pictures import picture
from engine.values import Json

__all__ = ["FakeHostClient"]


class FakeHostClient:
    """A client as hosts have one. What it was called with stands in `calls`, in order.

        theirs = FakeHostClient(fails={"upscale": ("invalid_model", "no such upscaler")})
        result = PipelineRunner(HostClient(theirs, backend="a1111")).run_pipeline(plan, {"prompt": "a lighthouse"})
        assert theirs.calls[0][0] == "txt2img"

    Pictures are 64 x 64 pixels, as base64 text; each call gives others.
    """

    def __init__(
        self,
        *,
        gives: int = 1,
        fails: Mapping[str, tuple[str, str]] | None = None,
        bare: bool = False,
        info: Json = None,
    ) -> None:
        """Take what should happen.

        `gives`: how many pictures a call gives. `fails`: stage -> the code and message of its error. `bare`: give a
        plain mapping instead of an outcome object. `info`: what is told of each call.
        """
        self.calls: list[tuple[str, dict[str, Json]]] = []
        self._gives, self._fails, self._bare, self._info = gives, dict(fails or {}), bare, info

    def generate_images(self, *, stage: str, payload: dict[str, Json], timings: dict[str, float] | None = None) -> Any:
        """An outcome: `ok`, `result` and `error`; or a mapping with images, info and timings, or with an error."""
        self.calls.append((stage, payload))
        if timings is not None:
            timings["generate"] = 0.25
        if stage in self._fails:
            code, message = self._fails[stage]
            error = {"code": code, "message": message, "stage": stage, "details": {}}
            failed = SimpleNamespace(ok=False, result=None, error=SimpleNamespace(**error))
            return {"error": error} if self._bare else failed
        images = [picture(64, 64, f"{stage} {len(self.calls)} {number}").base64 for number in range(self._gives)]
        result = {"images": images, "info": self._info, "stage": stage, "timings": timings}
        return result if self._bare else SimpleNamespace(ok=True, result=SimpleNamespace(**result), error=None)
