"""The pictures of a run as files, and the manifest beside them.

Each stage's pictures are written as soon as the stage has ended, with their original bytes, under names that sort
in the order in which they were made. Every file appears whole or not at all. This module knows folders and names;
what a picture shows or how a run goes on is none of its business.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.plan import StageExecutionPlan
from engine.results import PipelineResult, StageResult

__all__ = ["MANIFEST", "Gallery", "claim_folder", "release_folder", "write_whole"]

#: The name of the file that tells how the pictures beside it came to be.
MANIFEST = "manifest.json"


#: What stands in a folder while a run has it for itself: an empty folder may be another run's that has just begun.
_MARK = ".stage-engine-running"


def claim_folder(wanted: Path) -> Path:
    """A folder for one run alone, from now on: the wanted one where it is new or empty, else `<wanted>-2`, `-3`, …

    Nothing is overwritten, and two runs that start at once get two folders. `release_folder` gives it back. Raises
    OSError where none can be made.
    """
    for folder in _candidates(wanted):
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            # An empty folder that was there is the person's own, made for this. A file is in the way.
            if folder != wanted or not folder.is_dir() or any(folder.iterdir()):
                continue
        try:
            (folder / _MARK).open("x").close()
        except FileExistsError:
            continue
        return folder
    raise AssertionError("the candidates never end")


def release_folder(folder: Path) -> None:
    """End the claim. A folder that nothing was written to is taken back. Raises OSError."""
    (folder / _MARK).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def write_whole(file: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees half of it. Raises OSError."""
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_bytes(data)
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


class Gallery:
    """One run's folder, and which files each stage has given."""

    def __init__(self, folder: Path, plan: StageExecutionPlan) -> None:
        self.folder = folder
        self._stems = {
            stage.id: _stem(number, stage.id, stage.stage_type) for number, stage in enumerate(plan.stages, 1)
        }
        self._names: dict[str, list[str]] = {}

    def add(self, stage: StageResult) -> list[Path]:
        """Write a stage's pictures, and give the files. Raises OSError; what was written before it stays."""
        names = self._names.setdefault(stage.id, [])
        digits = len(str(len(stage.images)))
        for number, image in enumerate(stage.images, 1):
            name = f"{self._stems[stage.id]}-{number:0{digits}}{image.extension}"
            write_whole(self.folder / name, image.data)
            names.append(name)
        return [self.folder / name for name in names]

    @property
    def pictures(self) -> list[Path]:
        """Every picture that was written, in the order of making."""
        return [self.folder / name for names in self._names.values() for name in names]

    def describe(self, result: PipelineResult, about: Mapping[str, object]) -> dict[str, object]:
        """The manifest: the result, each stage with the names of its files, and what else is known about the run."""
        data = result.to_json()
        stages = [{**stage.to_json(), "files": self._names.get(stage.id, [])} for stage in result.stages]
        return {**data, "stages": stages, **about}

    def write_manifest(self, manifest: Mapping[str, object]) -> None:
        """Write the manifest beside the pictures. Raises OSError."""
        text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
        write_whole(self.folder / MANIFEST, f"{text}\n".encode("utf-8", "backslashreplace"))


def _candidates(wanted: Path) -> Iterator[Path]:
    yield wanted
    number = 2
    while True:
        yield wanted.with_name(f"{wanted.name}-{number}")
        number += 1


def _stem(number: int, stage_id: str, stage_type: str) -> str:
    """`02-upscale`: the stage's place in the plan and its id. An id that was only place and type says it once."""
    name = stage_type if stage_id == f"{number}-{stage_type}" else stage_id
    return f"{number:02}-{name}"
