"""Two sides of a review in folders of their own: the made-up back end `easel`, a child of it, and an edit of them."""

from __future__ import annotations

import shutil
from pathlib import Path

from engine.review.building import Built, build_side
from engine.review.report import Report, review
from engine.review.sides import Side

__all__ = ["EASEL", "edited", "lay_out", "reviewed"]

OWN = Path(__file__).resolve().parents[1] / "own_backend"
EASEL = "mappings/easel/txt2img.yaml"

_CHILD = """\
format: 1
name: fresco
title: The same, on plaster
extends: easel
stages: {}
"""
_CASES = {
    "txt2img/plain.yaml": "why: Nothing but words.\nstage: {prompt: a cat}\n",
    "txt2img/framed.yaml": "why: The group is on.\nstage: {prompt: a cat, frame_enabled: true, frame_colour: walnut}\n",
    "frame/two.yaml": "why: One call for each.\nstage: {frame_width: 3}\ninputs: [[64, 48], [32, 24]]\n",
    "fresco/txt2img/large.yaml": "why: For one back end.\nstage: {prompt: a cat, width: 1024}\n",
}


def lay_out(into: Path) -> Path:
    """The folder with its two back ends and its cases."""
    shutil.copytree(OWN, into)
    file = into / "mappings/fresco/backend.yaml"
    file.parent.mkdir()
    file.write_text(_CHILD, encoding="utf-8")
    for name, text in _CASES.items():
        case = into / "cases" / name
        case.parent.mkdir(parents=True, exist_ok=True)
        case.write_text(text, encoding="utf-8")
    return into


def edited(folder: Path, *edits: tuple[str, str, str]) -> Path:
    """The folder after edits: a file in it, what stands there, and what is to stand there."""
    for name, old, new in edits:
        file = folder / name
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{name} holds no {old!r}"
        file.write_text(text.replace(old, new), encoding="utf-8")
    return folder


def reviewed(old: Built | Path, new: Path) -> Report:
    built = build_side(Side("old", old)) if isinstance(old, Path) else old
    return review(built, build_side(Side("new", new)))
