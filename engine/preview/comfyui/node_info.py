"""What GET /object_info says: the description of nodes in the server's own spelling.

This module turns the shipped description round: what `engine.tables.live_nodes` reads, it writes. Choices that are
files are the server's own, and those of pictures are what was uploaded.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.preview.comfyui.catalog import files_of
from engine.tables.nodes import NodeClass, NodeInput
from engine.values import ABSENT, Json

__all__ = ["class_info", "input_info"]

_TYPES = {"integer": "INT", "number": "FLOAT", "text": "STRING", "boolean": "BOOLEAN"}


def class_info(node: NodeClass, pictures: Sequence[str]) -> dict[str, Json]:
    """One class of nodes. `pictures`: the names of what was uploaded."""
    parts: dict[str, dict[str, Json]] = {"required": {}, "optional": {}}
    for name, one in node.inputs.items():
        parts["required" if one.required else "optional"][name] = input_info(node.name, one, pictures)
    inputs: dict[str, Json] = {place: dict(found) for place, found in parts.items() if found or place == "required"}
    order: dict[str, Json] = {place: list(found) for place, found in parts.items() if found or place == "required"}
    if node.result:
        inputs["hidden"] = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}
        order["hidden"] = ["prompt", "extra_pnginfo"]
    return {
        "input": inputs,
        "input_order": order,
        "output": [kind for _, kind in node.outputs],
        "output_is_list": [False for _ in node.outputs],
        "output_name": [name for name, _ in node.outputs],
        "name": node.name,
        "display_name": node.name,
        "description": "",
        "python_module": "nodes" if node.package is None else f"custom_nodes.{node.package}",
        "category": "preview",
        "output_node": node.result,
    }


def input_info(node_class: str, one: NodeInput, pictures: Sequence[str] = ()) -> list[Json]:
    """One input: a type or a list of choices, and its options."""
    options: dict[str, Json] = {} if one.default is ABSENT else {"default": _json(one.default)}
    if one.kind == "link":
        return [str(one.type)]
    if one.kind == "picture":
        return [list(pictures), {"image_upload": True}]
    if one.kind == "file":
        return [list(files_of(node_class, one.name)), options]
    if one.kind == "choice":
        return [[] if one.choices is None else list(one.choices), options]
    bounds: dict[str, Json] = {"min": one.low, "max": one.high, "step": one.step}
    return [_TYPES[one.kind], {**options, **{word: bound for word, bound in bounds.items() if bound is not None}}]


def _json(value: object) -> Json:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError("a default is a plain value")
