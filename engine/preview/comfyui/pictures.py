"""The nodes that change pictures, latents and masks without sampling: load, scale, crop, composite.

This module knows their arithmetic to the pixel (0.3.64): latents are eighths of a picture, a VAE crops what is no
multiple of 8, a size of 0 keeps the shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from PIL import Image, ImageFilter, ImageOps

from engine.preview.comfyui.sampling import finished
from engine.preview.comfyui.values import Inputs, Pictures, Shot, UpscaleModel, as_batch, as_mask, as_number
from engine.preview.notes import Note
from engine.preview.passes import fit
from engine.preview.pixels import MAX_PIXELS, Picture, TooLarge, check_size

__all__ = ["CHANGES", "MASKS", "channel", "empty", "loaded"]


_RESAMPLING: Final = {
    "nearest-exact": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "bicubic": Image.Resampling.BICUBIC,
    "bislerp": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def loaded(picture: Picture) -> tuple[Pictures, Image.Image]:
    """LoadImage: the picture, and what is transparent in it as a mask."""
    note = Note() if picture.note is None else picture.note
    return Pictures((Shot(picture.image, picture.image.size, note),)), channel(picture, "alpha")


def channel(picture: Picture, name: str) -> Image.Image:
    """LoadImageMask: one channel as a mask. Of opacity, what is transparent; all black, 64x64, where there is none."""
    if name == "alpha":
        return Image.new("L", (64, 64), 0) if picture.alpha is None else ImageOps.invert(picture.alpha)
    return picture.image.getchannel({"red": "R", "green": "G", "blue": "B"}[name])


def empty(width: int, height: int, count: int) -> Pictures:
    """An empty latent: its size is cut to a multiple of 8."""
    size = max(width // 8 * 8, 8), max(height // 8 * 8, 8)
    _check_total(size, count)
    return Pictures(tuple(Shot(None, size) for _ in range(count)))


def _scale_latent(inputs: Inputs) -> Pictures:
    batch, (width, height) = as_batch(inputs["samples"]), _wanted(inputs)
    if width == 0 and height == 0:
        return batch
    w, h = batch.shots[0].size
    # In latents, with the server's own lower bound of 64 pixels for the side that is left to it.
    if width == 0:
        height = max(64, height)
        width = max(64, round(w * height / h))
    elif height == 0:
        width = max(64, width)
        height = max(64, round(h * width / w))
    return _resized(batch, (max(64, width) // 8 * 8, max(64, height) // 8 * 8), inputs)


def _scale_latent_by(inputs: Inputs) -> Pictures:
    batch, factor = as_batch(inputs["samples"]), as_number(inputs["scale_by"])
    w, h = batch.shots[0].size
    return _resized(batch, (max(round(w // 8 * factor), 1) * 8, max(round(h // 8 * factor), 1) * 8), inputs)


def _scale(inputs: Inputs) -> Pictures:
    batch, (width, height) = as_batch(inputs["image"]), _wanted(inputs)
    if width == 0 and height == 0:
        return batch
    w, h = batch.shots[0].size
    if width == 0:
        width = max(1, round(w * height / h))
    elif height == 0:
        height = max(1, round(h * width / w))
    return _resized(batch, (width, height), inputs)


def _scale_by(inputs: Inputs) -> Pictures:
    batch, factor = as_batch(inputs["image"]), as_number(inputs["scale_by"])
    w, h = batch.shots[0].size
    return _resized(batch, (max(round(w * factor), 1), max(round(h * factor), 1)), inputs)


def _scale_to_pixels(inputs: Inputs) -> Pictures:
    batch, total = as_batch(inputs["image"]), int(as_number(inputs["megapixels"]) * 1024 * 1024)
    w, h = batch.shots[0].size
    factor = (total / (w * h)) ** 0.5
    return _resized(batch, (max(round(w * factor), 1), max(round(h * factor), 1)), inputs)


def _upscale(inputs: Inputs) -> Pictures:
    batch, model = as_batch(inputs["image"]), inputs["upscale_model"]
    name, factor = (model.name, model.factor) if isinstance(model, UpscaleModel) else ("?", 4)
    w, h = batch.shots[0].size
    return _resized(batch, (w * factor, h * factor), {"upscale_method": "lanczos"}, name)


def _resized(batch: Pictures, size: tuple[int, int], inputs: Inputs, name: str | None = None) -> Pictures:
    check_size(*size)
    _check_total(size, len(batch.shots))
    method = str(inputs.get("upscale_method", "lanczos"))
    how = "crop" if inputs.get("crop") == "center" else "stretch"
    shots = []
    for shot in batch.shots:
        if shot.image is None or shot.size == size:
            shots.append(replace(shot, size=size))
            continue
        words = f"upscale {method if name is None else name}, {shot.size[0]}x{shot.size[1]} to {size[0]}x{size[1]}"
        image = fit(shot.pixels(), size, how, _RESAMPLING.get(method, Image.Resampling.LANCZOS))
        shots.append(shot.with_image(image, words))
    return Pictures(tuple(shots), batch.mask)


def _encode(inputs: Inputs) -> Pictures:
    shots = []
    for shot in as_batch(inputs["pixels"]).shots:
        width, height = shot.size[0] // 8 * 8, shot.size[1] // 8 * 8
        left, top = shot.size[0] % 8 // 2, shot.size[1] % 8 // 2
        if (width, height) == shot.size or shot.image is None:
            shots.append(shot)
        else:
            cropped = shot.pixels().crop((left, top, left + width, top + height))
            shots.append(shot.with_image(cropped, f"cut to {width}x{height}", drawn=False))
    return Pictures(tuple(shots))


def _encode_inpaint(inputs: Inputs) -> Pictures:
    grow = int(as_number(inputs["grow_mask_by"]))
    return replace(_encode(inputs), mask=_grown(as_mask(inputs["mask"]), grow))


def _decode(inputs: Inputs) -> Pictures:
    return Pictures(tuple(finished(shot) for shot in as_batch(inputs["samples"]).shots))


def _crop(inputs: Inputs) -> Pictures:
    x, y, width, height = (int(as_number(inputs[key])) for key in ("x", "y", "width", "height"))
    shots = []
    for shot in as_batch(inputs["image"]).shots:
        left, top = min(x, shot.size[0] - 1), min(y, shot.size[1] - 1)
        box = (left, top, min(left + width, shot.size[0]), min(top + height, shot.size[1]))
        shots.append(shot.with_image(shot.pixels().crop(box), f"cut to {box[2] - left}x{box[3] - top}"))
    return Pictures(tuple(shots))


def _composite(inputs: Inputs) -> Pictures:
    below, above = as_batch(inputs["destination"]).shots, as_batch(inputs["source"]).shots
    x, y = int(as_number(inputs["x"])), int(as_number(inputs["y"]))
    given = inputs.get("mask")
    shots = []
    for number, shot in enumerate(below):
        source = above[min(number, len(above) - 1)]
        layer = fit(source.pixels(), shot.size) if inputs.get("resize_source") is True else source.pixels()
        mask = Image.new("L", layer.size, 255) if given is None else fit(as_mask(given), layer.size)
        image = shot.pixels()
        image.paste(layer, (x, y), mask)
        story = source if source.words else shot
        shots.append(replace(story, image=image, size=image.size, touches=(), drawn=shot.drawn))
    return Pictures(tuple(shots))


def _each(inputs: Inputs, change: Callable[[Image.Image], Image.Image], words: str) -> Pictures:
    shots = as_batch(inputs["image"]).shots
    return Pictures(tuple(shot.with_image(change(shot.pixels()), words) for shot in shots))


def _from_batch(inputs: Inputs) -> Pictures:
    batch, first = as_batch(inputs["samples"]), int(as_number(inputs["batch_index"]))
    first = min(first, len(batch.shots) - 1)
    return replace(batch, shots=batch.shots[first : first + int(as_number(inputs["length"]))])


def _repeated(inputs: Inputs) -> Pictures:
    batch, amount = as_batch(inputs["samples"]), int(as_number(inputs["amount"]))
    _check_total(batch.shots[0].size, amount * len(batch.shots))
    return replace(batch, shots=batch.shots * amount)


def _masked(inputs: Inputs) -> Pictures:
    return replace(as_batch(inputs["samples"]), mask=as_mask(inputs["mask"]))


def _blend(inputs: Inputs) -> Pictures:
    below, above = as_batch(inputs["image1"]).shots, as_batch(inputs["image2"]).shots
    factor = as_number(inputs["blend_factor"])
    return Pictures(
        tuple(
            shot.with_image(Image.blend(shot.pixels(), fit(above[min(k, len(above) - 1)].pixels(), shot.size), factor))
            for k, shot in enumerate(below)
        )
    )


#: Nodes that give one batch.
CHANGES: Final[Mapping[str, Callable[[Inputs], Pictures]]] = {
    "LatentUpscale": _scale_latent,
    "LatentUpscaleBy": _scale_latent_by,
    "LatentFromBatch": _from_batch,
    "RepeatLatentBatch": _repeated,
    "SetLatentNoiseMask": _masked,
    "VAEEncode": _encode,
    "VAEEncodeTiled": _encode,
    "VAEEncodeForInpaint": _encode_inpaint,
    "VAEDecode": _decode,
    "VAEDecodeTiled": _decode,
    "ImageScale": _scale,
    "ImageScaleBy": _scale_by,
    "ImageScaleToTotalPixels": _scale_to_pixels,
    "ImageUpscaleWithModel": _upscale,
    "ImageCrop": _crop,
    "ImageCompositeMasked": _composite,
    "ImageBlend": _blend,
    "ImageInvert": lambda inputs: _each(inputs, ImageOps.invert, "inverted"),
    "ImageBlur": lambda inputs: _each(inputs, lambda i: i.filter(ImageFilter.GaussianBlur(2)), "blurred"),
    "ImageSharpen": lambda inputs: _each(inputs, lambda i: i.filter(ImageFilter.UnsharpMask()), "sharpened"),
    "MaskToImage": lambda inputs: Pictures(
        (Shot(as_mask(inputs["mask"]).convert("RGB"), as_mask(inputs["mask"]).size),),
    ),
}


def _solid(inputs: Inputs) -> Image.Image:
    width, height = _wanted(inputs)
    check_size(width, height)
    return Image.new("L", (width, height), round(255 * as_number(inputs["value"])))


def _of_image(inputs: Inputs) -> Image.Image:
    image = as_batch(inputs["image"]).shots[0].pixels()
    letter = {"red": "R", "green": "G", "blue": "B"}.get(str(inputs["channel"]))
    return Image.new("L", image.size, 255) if letter is None else image.getchannel(letter)


def _threshold(inputs: Inputs) -> Image.Image:
    edge = round(255 * as_number(inputs["value"]))
    return as_mask(inputs["mask"]).point([255 if level > edge else 0 for level in range(256)])


#: Nodes that give one mask.
MASKS: Final[Mapping[str, Callable[[Inputs], Image.Image]]] = {
    "ImageToMask": _of_image,
    "InvertMask": lambda inputs: ImageOps.invert(as_mask(inputs["mask"])),
    "GrowMask": lambda inputs: _grown(as_mask(inputs["mask"]), int(as_number(inputs["expand"]))),
    "FeatherMask": lambda inputs: as_mask(inputs["mask"]).filter(
        ImageFilter.GaussianBlur(max(as_number(inputs[side]) for side in ("left", "top", "right", "bottom")) / 2)
    ),
    "ThresholdMask": _threshold,
    "SolidMask": _solid,
}


def _grown(mask: Image.Image, pixels: int) -> Image.Image:
    """The mask, larger by so many pixels on every side; smaller where that is negative."""
    if pixels == 0:
        return mask
    grow = ImageFilter.MaxFilter if pixels > 0 else ImageFilter.MinFilter
    for _ in range(min(abs(pixels), 64)):
        mask = mask.filter(grow(3))
    return mask


def _check_total(size: tuple[int, int], count: int) -> None:
    if size[0] * size[1] * count > 2 * MAX_PIXELS:
        raise TooLarge(f"{count} pictures of {size[0]}x{size[1]} are too much for a preview: ask for fewer at once")


def _wanted(inputs: Inputs) -> tuple[int, int]:
    return int(as_number(inputs["width"])), int(as_number(inputs["height"]))
