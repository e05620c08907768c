"""extra-single-image: really resizes a picture, and restores faces for show.

This module knows the sizes, the order and the words of the server's postprocessing (A1111 1.10.1, recorded):
factors round down to a multiple of 8, the upscaler "None" keeps the size, the input's own texts survive. It knows
nothing about HTTP or sampling.
"""

from __future__ import annotations

from PIL import Image, ImageOps

from engine.preview.captions import draw_caption
from engine.preview.dice import Palette
from engine.preview.notes import Note
from engine.preview.pixels import as_base64, check_size, decode, write_png
from engine.preview.retouch import smooth_face
from engine.preview.sdapi.bodies import Fields
from engine.preview.sdapi.catalog import UPSCALERS
from engine.preview.sdapi.infotext import join_pairs
from engine.preview.sdapi.jobs import Jobs
from engine.preview.sdapi.refusals import failed
from engine.values import Json

__all__ = ["postprocess"]


def postprocess(fields: Fields, jobs: Jobs) -> dict[str, Json]:
    """Run one request in its turn; returns the answer's body. Raises Refusal as the server does."""
    picture = decode(fields.text("image"))
    for name in (fields.text("upscaler_1"), fields.text("upscaler_2")):
        if name not in UPSCALERS:
            raise failed("AssertionError", f"could not find upscaler named {name}")
    with jobs.turn("extras", 1):
        jobs.sample(1)
        told: dict[str, Json] = {}
        words: list[str] = []
        image = _upscale(picture.image, fields, told, words)
        note = Note() if picture.note is None else picture.note
        for name, field in (("GFPGAN", "gfpgan_visibility"), ("CodeFormer", "codeformer_visibility")):
            visibility = fields.number(field)
            if visibility > 0:
                image = image.copy()
                smooth_face(image, note.composition, visibility)
                told[f"{name} visibility"] = visibility
                words.append(f"{name} {visibility:g}")
        if fields.number("codeformer_visibility") > 0:
            told["CodeFormer weight"] = fields.number("codeformer_weight")
        if words:
            note = note.with_line(" · ".join(("upscale", *words)))
            note = draw_caption(image, note, Palette.of(note.prompt, note.negative, "").trim)
        text = join_pairs(told)
        texts = {**picture.texts, "postprocessing": text}
        return {"html_info": f"<p>{text}</p>", "image": as_base64(write_png(image, texts, note))}


def _upscale(image: Image.Image, fields: Fields, told: dict[str, Json], words: list[str]) -> Image.Image:
    first, second = fields.text("upscaler_1"), fields.text("upscaler_2")
    if first == "None":
        return image
    fixed = fields.integer("resize_mode") == 1
    if fixed:
        wanted = fields.integer("upscaling_resize_w"), fields.integer("upscaling_resize_h")
        if min(wanted) < 1:
            raise failed("ValueError", "height and width must be > 0")
        told["Postprocess upscale to"] = f"{wanted[0]}x{wanted[1]}"
        if fields.flag("upscaling_crop"):
            told["Postprocess crop to"] = f"{wanted[0]}x{wanted[1]}"
            size = wanted
        else:
            # Without the crop the picture keeps its shape and covers the size that was asked for.
            factor = max(wanted[0] / image.width, wanted[1] / image.height)
            size = round(image.width * factor), round(image.height * factor)
    else:
        factor = fields.number("upscaling_resize")
        told["Postprocess upscale by"] = factor
        size = int(image.width * factor) // 8 * 8, int(image.height * factor) // 8 * 8
        if min(size) < 1:
            raise failed("ValueError", "height and width must be > 0")
    check_size(*size)
    told["Postprocess upscaler"] = first
    out = _resize(image, size, first)
    visibility = fields.number("extras_upscaler_2_visibility")
    if second != "None" and visibility > 0:
        told["Postprocess upscaler 2"] = second
        out = Image.blend(out, _resize(image, size, second), visibility)
    scale = "to" if fixed else f"x{factor:g}"
    words += [f"{scale} {first}", f"{image.width}x{image.height} to {size[0]}x{size[1]}"]
    return out


def _resize(image: Image.Image, size: tuple[int, int], upscaler: str) -> Image.Image:
    how = Image.Resampling.NEAREST if upscaler == "Nearest" else Image.Resampling.LANCZOS
    return image.copy() if image.size == size else ImageOps.fit(image, size, how)
