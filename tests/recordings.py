"""Where the recorded answers of real servers are, if they are here at all.

They are too large for the repository. The environment variable STAGE_ENGINE_RECORDINGS names their folder; else
they are looked for beside the checkout. Tests that need them carry `needs_recordings` and skip where there are
none, so a checkout alone always passes.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from engine.testing import picture

__all__ = ["RECORDINGS", "load", "needs_recordings", "with_pictures"]


def _find() -> Path | None:
    named = os.environ.get("STAGE_ENGINE_RECORDINGS")
    if named is not None and named != "":
        return Path(named)  # a wrong name must fail loudly, not skip
    beside = Path(__file__).resolve().parents[2] / "shared" / "real"
    return beside if beside.is_dir() else None


#: The folder of the recordings (one folder a server in it), or None where there is none.
RECORDINGS: Path | None = _find()

needs_recordings = pytest.mark.skipif(
    RECORDINGS is None,
    reason="no recordings of real servers here: set STAGE_ENGINE_RECORDINGS to their folder",
)


def load(back_end: str, name: str) -> dict[str, Any]:
    """One recording: `load("a1111", "txt2img-basic")`. Pictures in it are cut short. The name needs no `.json`."""
    if RECORDINGS is None:
        raise LookupError("there are no recordings here: mark the test with `needs_recordings`")
    path = RECORDINGS / back_end / f"{name.removesuffix('.json')}.json"
    recording: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return recording


_CUT = re.compile(r"<\d+ chars base64, (?:\d+ bytes, )?(?:PNG|JPEG|WEBP) (\d+)x(\d+)[^<>]*>$")


def with_pictures(value: Any) -> Any:
    """A recorded answer with a whole picture of the recorded size in the place of each that was cut short."""
    if isinstance(value, str) and (cut := _CUT.search(value)):
        return picture(int(cut[1]), int(cut[2]), value).base64
    if isinstance(value, list):
        return [with_pictures(item) for item in value]
    if isinstance(value, dict):
        return {key: with_pictures(item) for key, item in value.items()}
    return value
