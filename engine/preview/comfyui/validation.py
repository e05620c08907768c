"""Whether a graph may run: the checks that ComfyUI makes before it queues one, in its words.

This module walks back from the nodes that give results, as the server does (0.3.64, recorded), and keeps its error
shapes. It is stricter in two points, as the whole preview is: inputs that a node does not have are refused (the server
ignores them), and so are values that the server would turn into another type. Every file is taken as present unless
the server was told to lack it; pictures must have been uploaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.preview.comfyui.node_info import input_info
from engine.preview.models import model_from
from engine.tables.nodes import NodeClass, NodeInput, Nodes, joins
from engine.values import Json, is_integer, is_number

__all__ = ["Verdict", "judge"]

#: Longer lists of choices are not shown in errors (recorded).
_MAX_CHOICES = 20

#: As much of a value as an error repeats, in characters.
_MAX_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check: the nodes whose results can be made, what is wrong with which nodes, and why not at all."""

    outputs: tuple[str, ...] = ()
    node_errors: Mapping[str, Json] = field(default_factory=dict)
    error: Mapping[str, Json] | None = None


def judge(
    graph: Mapping[str, Json], nodes: Nodes, has_picture: Callable[[str], bool], missing: frozenset[str]
) -> Verdict:
    """Check a graph. `has_picture` knows which pictures were uploaded; `missing` are files that are not there."""
    outputs = []
    for name, node in graph.items():
        word = node.get(nodes.class_key) if isinstance(node, dict) else None
        if word is None:
            text = "Cannot execute because a node is missing the class_type property."
            return Verdict(error=_error("invalid_prompt", text, f"Node ID '#{name}'"))
        if not isinstance(word, str) or word not in nodes.classes:
            text = f"Cannot execute because node {word} does not exist."
            return Verdict(error=_error("invalid_prompt", text, f"Node ID '#{name}'"))
        if nodes.classes[word].result:
            outputs.append(name)
    if not outputs:
        return Verdict(error=_error("prompt_no_outputs", "Prompt has no outputs", ""))
    return _Judge(graph, nodes, has_picture, missing).verdict(outputs)


def _error(kind: str, message: str, details: str, **extra: Json) -> dict[str, Json]:
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


class _BrokenNode(Exception):  # noqa: N818 - what a graph is, not a fault of the program
    """A node cannot be looked at: the class and text of the exception that escapes in the server."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.text = kind, text


class _Judge:
    def __init__(
        self, graph: Mapping[str, Json], nodes: Nodes, has_picture: Callable[[str], bool], missing: frozenset[str]
    ) -> None:
        self._graph, self._nodes, self._has_picture, self._missing = graph, nodes, has_picture, missing
        self._found: dict[str, tuple[bool, list[dict[str, Json]]]] = {}
        self._path: list[str] = []

    def verdict(self, outputs: list[str]) -> Verdict:
        good: list[str] = []
        node_errors: dict[str, dict[str, Json]] = {}
        told: list[str] = []
        for output in outputs:
            try:
                fine = self._node(output)
            except _BrokenNode as broken:
                extra: dict[str, Json] = {"exception_type": broken.kind, "traceback": []}
                reason = _error("exception_during_validation", "Exception when validating node", broken.text, **extra)
                fine, self._found[output] = False, (False, [reason])
            if fine:
                good.append(output)
                continue
            told += [f"{reason['message']}: {reason['details']}" for reason in self._found[output][1]]
            for name, (valid, reasons) in self._found.items():
                if not valid and reasons:
                    entry = node_errors.setdefault(name, self._entry(name, reasons))
                    dependents = entry["dependent_outputs"]
                    if isinstance(dependents, list):
                        dependents.append(output)
        if good:
            return Verdict(tuple(good), node_errors)
        text = "Prompt outputs failed validation"
        return Verdict((), node_errors, _error("prompt_outputs_failed_validation", text, "\n".join(told)))

    def _entry(self, name: str, reasons: Sequence[dict[str, Json]]) -> dict[str, Json]:
        return {"errors": list(reasons), "dependent_outputs": [], "class_type": self._class(name).name}

    def _class(self, name: Json) -> NodeClass:
        found = self._nodes.class_of(self._graph, name)
        if found is None:
            raise _BrokenNode("KeyError", repr(name))
        return found

    def _node(self, name: str) -> bool:
        if name in self._found:
            return self._found[name][0]
        if name in self._path:
            # A circle: the server runs out of stack, and what it says names nobody (recorded).
            return False
        node = self._graph[name]
        given = node.get(self._nodes.inputs_key) if isinstance(node, dict) else None
        if not isinstance(given, dict):
            raise _BrokenNode("KeyError", f"'{self._nodes.inputs_key}'")
        kind = self._class(name)
        self._path.append(name)
        errors: list[dict[str, Json]] = []
        fine = True
        for key, one in kind.inputs.items():
            if key not in given:
                if one.required:
                    errors.append(_error("required_input_missing", "Required input is missing", key, input_name=key))
                continue
            value = given[key]
            if isinstance(value, list):
                fine = self._link(kind, one, value, errors) and fine
            else:
                errors += self._value(kind, one, value)
        for key, value in given.items():
            if key not in kind.inputs:
                text = "Unknown input: the preview is strict, the real server ignores it"
                errors.append(_error("unknown_input", text, key, input_name=key, received_value=_short(value)))
        self._path.pop()
        self._found[name] = (fine and not errors, errors)
        return fine and not errors

    def _link(self, kind: NodeClass, one: NodeInput, value: list[Json], errors: list[dict[str, Json]]) -> bool:
        info: Json = input_info(kind.name, one)
        about: dict[str, Json] = {"input_name": one.name, "input_config": info}
        if len(value) != 2:
            text = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            errors.append(_error("bad_linked_input", text, one.name, **about, received_value=value))
            return True
        source = self._class(value[0])
        slot, count = value[1], len(source.outputs)
        if not (is_integer(slot) and isinstance(slot, (int, float)) and -count <= slot < count):
            raise _BrokenNode("IndexError", "tuple index out of range")
        given = source.outputs[int(slot)][1]
        wanted = str(one.type) if one.kind == "link" else _type_word(one)
        if not joins(wanted, given):
            details = f"{one.name}, received_type({given}) mismatch input_type({wanted})"
            text = "Return type mismatch between linked nodes"
            errors.append(
                _error("return_type_mismatch", text, details, **about, received_type=given, linked_node=value)
            )
            return True
        name = str(value[0])
        try:
            return self._node(name)
        except _BrokenNode as broken:
            extra: dict[str, Json] = {
                **about,
                "exception_message": broken.text,
                "exception_type": broken.kind,
                "traceback": [],
                "linked_node": value,
            }
            text = "Exception when validating inner node"
            self._found[name] = (False, [_error("exception_during_inner_validation", text, broken.text, **extra)])
            return False

    def _value(self, kind: NodeClass, one: NodeInput, value: Json) -> list[dict[str, Json]]:
        about: dict[str, Json] = {"input_name": one.name, "input_config": input_info(kind.name, one)}
        if one.kind == "picture":
            if isinstance(value, str) and self._has_picture(value):
                return []
            details = f"{one.name} - Invalid image file: {_short(value)}"
            return [
                _error("custom_validation_failed", "Custom validation failed for node", details, input_name=one.name)
            ]
        if (why := _misfit(one, value)) is not None:
            details, text = (
                f"{one.name}, {value}, {why}",
                f"Failed to convert an input value to a {_type_word(one)} value",
            )
            received = {**about, "received_value": _short(value), "exception_message": why}
            return [_error("invalid_input_type", text, details, **received)]
        if one.kind in ("choice", "file"):
            return self._choice(kind, one, value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            about["received_value"] = value
            if one.low is not None and value < one.low:
                text = f"Value {value} smaller than min of {one.low}"
                return [_error("value_smaller_than_min", text, one.name, **about)]
            if one.high is not None and value > one.high:
                text = f"Value {value} bigger than max of {one.high}"
                return [_error("value_bigger_than_max", text, one.name, **about)]
        return []

    def _choice(self, kind: NodeClass, one: NodeInput, value: Json) -> list[dict[str, Json]]:
        config = input_info(kind.name, one)
        choices = config[0] if isinstance(config[0], list) else []
        if one.kind == "file":
            name = str(value)
            lost = name in self._missing or model_from(name).name in self._missing
            if not lost and name not in ("", "None"):
                return []
        elif value in choices:
            return []
        many = len(choices) > _MAX_CHOICES
        shown = f"(list of length {len(choices)})" if many else str(choices)
        about: dict[str, Json] = {
            "input_name": one.name,
            "input_config": None if many else config,
            "received_value": _short(value),
        }
        return [_error("value_not_in_list", "Value not in list", f"{one.name}: '{value}' not in {shown}", **about)]


def _type_word(one: NodeInput) -> str:
    word = input_info("", one)[0]
    return word if isinstance(word, str) else "COMBO"


def _misfit(one: NodeInput, value: Json) -> str | None:
    """Why a value is not of the input's type, in the words of the conversion that fails; None where it is."""
    match one.kind:
        case "integer" | "number" if isinstance(value, str):
            whole = one.kind == "integer"
            words = "invalid literal for int() with base 10" if whole else "could not convert string to float"
            return f"{words}: {value[:_MAX_SHOWN]!r}"
        case "integer" if value is None or isinstance(value, dict):
            wanted = "a string, a bytes-like object or a real number"
            return f"int() argument must be {wanted}, not '{_python_word(value)}'"
        case "number" if value is None or isinstance(value, dict):
            return f"float() argument must be a string or a real number, not '{_python_word(value)}'"
        case "integer" if not is_integer(value):
            return f"the preview is strict: {value} is no integer, and the real server would cut it"
        case "number" if not is_number(value):
            return f"the preview is strict: {value} is no number"
        case "boolean" if not isinstance(value, bool):
            return f"the preview is strict: {_short(value)!r} is no boolean"
        case "link":
            return f"the preview is strict: {_short(value)!r} is no link, and the real server would fail later"
        case "text" | "file" if not isinstance(value, str):
            return f"the preview is strict: {_short(value)!r} is no text"
        case _:
            return None


def _python_word(value: Json) -> str:
    return "NoneType" if value is None else type(value).__name__


def _short(value: Json) -> Json:
    return f"{value[:_MAX_SHOWN]}…" if isinstance(value, str) and len(value) > _MAX_SHOWN else value
