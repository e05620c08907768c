"""POST detail: the server's own detailer on a picture that is there already.

This module knows the endpoint's defaults and its answer (2026-07, recorded). What a detector touches is
drawn in `retouch`.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.preview.dice import fingerprint
from engine.preview.notes import Note
from engine.preview.pixels import Picture
from engine.preview.sdapi.bodies import Fields
from engine.preview.sdapi.jobs import Jobs
from engine.preview.sdapi.refusals import plain
from engine.preview.sdnext.generation import encoded, retouched
from engine.preview.sdnext.tasks import Detailing
from engine.values import Json

__all__ = ["detail"]


def detail(
    fields: Fields, picture: Picture, options: Mapping[str, Json], jobs: Jobs, missing: frozenset[str]
) -> dict[str, Json]:
    """The answer's body. Raises Refusal (500) where no detector worked."""
    models = fields.items("detailer_models") if fields.has("detailer_models") else ["face-yolo8n"]
    detailing = Detailing(
        tuple(str(name) for name in models),
        fields.number("detailer_strength") if fields.has("detailer_strength") else 0.3,
        fields.integer("detailer_steps") if fields.has("detailer_steps") else 10,
        fields.integer("detailer_resolution") if fields.has("detailer_resolution") else 1024,
        fields.text("detailer_prompt") if fields.has("detailer_prompt") else "",
        fields.flag("detailer_include_detections"),
    )
    image = picture.image.copy()
    with jobs.turn("Detailer", 1):
        jobs.sample(detailing.steps)
        note, worked = retouched(image, Note() if picture.note is None else picture.note, detailing, missing)
    if not worked:
        raise plain(500, "detailer produced no result")
    made = encoded(options, image, "", note)
    seed = fields.integer("seed") if fields.has("seed") else -1
    return {
        "image": made,
        "detections": made if detailing.shows_detections else None,
        "seed": fingerprint("detail", detailing) if seed == -1 else seed,
        "info": "",
    }
