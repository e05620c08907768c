"""`--events FILE`: what happens in a run, one JSON object a line (NDJSON), as `schemas/events.json` describes it.

Every line is written whole and at once, so that a program may follow the file while the run goes on. Lines are added
to a file that is there: nothing is overwritten. No image data is ever in them. This module knows events and a stream;
a stream that fails is given up, and the run goes on.
"""

from __future__ import annotations

import datetime
import json
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final, TextIO

import typer

from engine.cli.options import DASH
from engine.events import Event
from engine.results import PipelineResult, StageResult

__all__ = ["SCHEMA_VERSION", "EventLog", "facts_of", "facts_of_result", "open_log"]

SCHEMA_VERSION: Final = 1


def open_log(path: Path | None) -> EventLog:
    """A log that adds to a file; on stdout where that is `-`; one that keeps nothing where none is named.

    Raises typer.BadParameter where the file cannot be opened.
    """
    if path is None:
        return EventLog(None)
    if path == DASH:
        return EventLog(sys.stdout, closes=False)
    try:
        return EventLog(path.open("a", encoding="utf-8", newline="\n"))
    except OSError as problem:
        raise typer.BadParameter(f"{path} cannot be written: {problem.strerror}.", param_hint="--events") from problem


class EventLog:
    """A stream that events are written to, or none. `lost`: why it was given up, where it was."""

    def __init__(self, stream: TextIO | None, *, closes: bool = True) -> None:
        self._stream, self._closes = stream, closes
        self._lock = threading.Lock()
        self.lost: OSError | None = None

    def write(self, kind: str, facts: Mapping[str, object]) -> None:
        """Write one line."""
        line = {"schema_version": SCHEMA_VERSION, "time": _now(), "kind": kind, **facts}
        text = json.dumps(line, sort_keys=True, allow_nan=False)
        with self._lock:
            if self._stream is None or self.lost is not None:
                return
            try:
                self._stream.write(f"{text}\n")
                self._stream.flush()
            except OSError as problem:
                self.lost = problem

    def close(self) -> None:
        """Close the stream, if it is this log's own."""
        if self._stream is not None and self._closes:
            try:
                self._stream.close()
            except OSError as problem:
                self.lost = problem if self.lost is None else self.lost


def facts_of(event: Event, files: Sequence[str]) -> dict[str, object]:
    """What a line says of an event of the runner. `files`: where the stage's pictures were written."""
    facts: dict[str, object] = {"run_id": event.run_id, "total": event.total}
    if event.stage_id is not None:
        facts |= {"index": event.index, "stage_id": event.stage_id, "stage_type": event.stage_type}
    if event.progress is not None:
        facts |= {**asdict(event.progress), "ratio": round(event.progress.ratio, 4)}
    if event.stage is not None:
        facts |= _stage(event.stage) | {"files": list(files)}
    return facts


def facts_of_result(result: PipelineResult, pictures: Sequence[str]) -> dict[str, object]:
    """What the last line of a run says. `pictures`: every file that was written."""
    return {
        "status": result.status,
        "pictures": list(pictures),
        "warnings": [warning.to_json() for warning in result.warnings],
        "error": None if result.error is None else result.error.to_json(),
        "duration": round(result.duration, 3),
    }


def _stage(stage: StageResult) -> dict[str, object]:
    return {
        "status": stage.status,
        "images": [image.describe() for image in stage.images],
        "seeds": list(stage.seeds),
        "warnings": [warning.to_json() for warning in stage.warnings],
        "error": None if stage.error is None else stage.error.to_json(),
        "duration": round(stage.duration, 3),
    }


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
