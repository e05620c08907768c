"""What each node of a graph gives: the one place where classes of nodes get their meaning.

A class that the preview does not know hands on what it is given, type by type, where it can; the picture then says that
it did. Otherwise the graph fails at that node, as it would if the node broke on the real server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from PIL import Image

from engine.preview.comfyui.catalog import factor_of
from engine.preview.comfyui.pictures import CHANGES, MASKS, channel, empty, loaded
from engine.preview.comfyui.sampling import detail, sample, sample_advanced
from engine.preview.comfyui.values import (
    Clip,
    Conditioning,
    Detector,
    Inputs,
    ModelValue,
    Pictures,
    UpscaleModel,
    Vae,
)
from engine.preview.models import model_from
from engine.preview.pixels import NotAPicture, Picture
from engine.tables.nodes import NodeClass

__all__ = ["SAMPLERS", "NodeFailure", "draw_node"]

#: Classes that take their time.
SAMPLERS: Final = ("KSampler", "KSamplerAdvanced", "FaceDetailer")


class NodeFailure(Exception):  # noqa: N818 - what happened in a graph, not a fault of the program
    """A node failed: the class and the text of the exception, as the server would tell it."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.text = kind, text


def draw_node(node: NodeClass, inputs: Inputs, open_picture: Callable[[str], Picture]) -> tuple[object, ...]:
    """The outputs of a node with these inputs. `open_picture` reads what was uploaded. Raises NodeFailure."""
    if node.name in CHANGES:
        return (CHANGES[node.name](inputs),)
    if node.name in MASKS:
        return (MASKS[node.name](inputs),)
    if node.name in _LOADERS:
        return _LOADERS[node.name](inputs)
    if node.name in ("LoadImage", "LoadImageMask"):
        name = str(inputs["image"])
        try:
            picture = open_picture(name)
        except NotAPicture as problem:
            raise NodeFailure("PIL.UnidentifiedImageError", f"cannot identify image file '{name}'\n") from problem
        return loaded(picture) if node.name == "LoadImage" else (channel(picture, str(inputs["channel"])),)
    return _handed_on(node, inputs)


def _checkpoint(inputs: Inputs) -> tuple[object, ...]:
    name = model_from(str(inputs["ckpt_name"])).name
    return ModelValue(name), Clip(name), Vae(None)


def _lora(inputs: Inputs) -> tuple[object, ...]:
    model, name = inputs["model"], model_from(str(inputs["lora_name"])).name
    words = f"LoRA {name} {inputs['strength_model']:g}"
    changed = replace(model, loras=(*model.loras, words)) if isinstance(model, ModelValue) else model
    return (changed, inputs["clip"]) if "clip" in inputs else (changed,)


def _clip_layer(inputs: Inputs) -> tuple[object, ...]:
    clip, stop = inputs["clip"], inputs["stop_at_clip_layer"]
    return (replace(clip, stop=stop) if isinstance(clip, Clip) and isinstance(stop, int) else clip,)


def _joined(inputs: Inputs, first: str, second: str) -> tuple[object, ...]:
    texts = [part.text for key in (first, second) if isinstance(part := inputs[key], Conditioning)]
    return (Conditioning(", ".join(text for text in texts if text)),)


def _upscale_model(inputs: Inputs) -> tuple[object, ...]:
    name = model_from(str(inputs["model_name"])).name
    return (UpscaleModel(name, factor_of(name)),)


def _empty(inputs: Inputs) -> tuple[object, ...]:
    width, height, count = (inputs[key] for key in ("width", "height", "batch_size"))
    if not (isinstance(width, int) and isinstance(height, int) and isinstance(count, int)):
        raise TypeError("a checked graph holds integers here")
    return (empty(width, height, count),)


def _detailed(inputs: Inputs) -> tuple[object, ...]:
    pictures = detail(inputs)
    blank = Image.new("L", pictures.shots[0].size, 0)
    return pictures, pictures, pictures, blank, None, pictures


def _detector(inputs: Inputs) -> tuple[object, ...]:
    detector = Detector(str(inputs["model_name"]))
    return detector, detector


_LOADERS: Final[Mapping[str, Callable[[Inputs], tuple[object, ...]]]] = {
    "CheckpointLoaderSimple": _checkpoint,
    "UNETLoader": lambda inputs: (ModelValue(model_from(str(inputs["unet_name"])).name),),
    "CLIPLoader": lambda inputs: (Clip(model_from(str(inputs["clip_name"])).name),),
    "DualCLIPLoader": lambda inputs: (Clip(model_from(str(inputs["clip_name1"])).name),),
    "VAELoader": lambda inputs: (Vae(str(inputs["vae_name"])),),
    "LoraLoader": _lora,
    "LoraLoaderModelOnly": _lora,
    "CLIPSetLastLayer": _clip_layer,
    "CLIPTextEncode": lambda inputs: (Conditioning(str(inputs["text"])),),
    "ConditioningCombine": lambda inputs: _joined(inputs, "conditioning_1", "conditioning_2"),
    "ConditioningConcat": lambda inputs: _joined(inputs, "conditioning_to", "conditioning_from"),
    "ConditioningZeroOut": lambda _: (Conditioning(""),),
    "EmptyLatentImage": _empty,
    "EmptySD3LatentImage": _empty,
    "UpscaleModelLoader": _upscale_model,
    "UltralyticsDetectorProvider": _detector,
    "SAMLoader": lambda _: (None,),
    "ControlNetLoader": lambda _: (None,),
    "KSampler": lambda inputs: (sample(inputs),),
    "KSamplerAdvanced": lambda inputs: (sample_advanced(inputs),),
    "FaceDetailer": _detailed,
}


def _handed_on(node: NodeClass, inputs: Inputs) -> tuple[object, ...]:
    outputs = []
    for name, kind in node.outputs:
        source = next((key for key, one in node.inputs.items() if one.type == kind and key in inputs), None)
        same = name if name in inputs and node.inputs[name].type == kind else source
        if same is None:
            text = f"The preview does not know what {node.name} does, and it gives {kind}, which it is not given."
            raise NodeFailure("NotImplementedError", text)
        value = inputs[same]
        outputs.append(_noted(value, node.name) if isinstance(value, Pictures) else value)
    return tuple(outputs)


def _noted(batch: Pictures, name: str) -> Pictures:
    words = f"{name} (handed on as it was)"
    return replace(batch, shots=tuple(replace(shot, words=(*shot.words, words)) for shot in batch.shots))
