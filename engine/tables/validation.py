"""Data held against a schema at run time, and what breaks it said in words that a person can act on.

The validator is jsonschema's; what is ours is that image handles count as images, that 20.0 is a whole number and
true is none, and that a message names the place and the way out but never a long value or an image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from engine.errors import did_you_mean
from engine.images import Image
from engine.values import Json, Later, is_integer, kind_of

__all__ = ["Problem", "problems_of", "validator"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One way in which data breaks a contract: where (the steps to it), and what is wrong, without its value.

    `missing`: that is all that is wrong, that a key which must be there is not.
    """

    path: tuple[str, ...]
    message: str
    hint: str | None = None
    missing: bool = False


def problems_of(validator: Any, data: object) -> list[Problem]:
    """Every way in which data breaks the validator's schema, in order of place."""
    errors = sorted(validator.iter_errors(data), key=lambda error: [str(step) for step in error.absolute_path])
    return [problem for error in errors for problem in _explained(error)]


def validator(schema: Mapping[str, Json], *, handles: bool) -> Any:
    """A validator of this schema. `handles`: images are handles, else base64 text. Cheap: the class is kept."""
    return _validator_class(handles)(schema)


@lru_cache(maxsize=2)
def _validator_class(handles: bool) -> Any:
    from jsonschema import Draft202012Validator, validators  # 60 ms that an import must not cost
    from jsonschema.exceptions import ValidationError

    def is_text(_: object, instance: object) -> bool:
        return isinstance(instance, (str, Image) if handles else str)

    def type_keyword(rules: Any, types: Any, instance: object, schema: Mapping[str, Json]) -> Iterator[Any]:
        if handles and isinstance(instance, Later):  # text of which nothing else is known
            if "contentMediaType" in schema or "string" not in ([types] if isinstance(types, str) else types):
                yield ValidationError(f"must be of type {types}, not text that is known only when it is sent")
        elif handles and isinstance(instance, Image) != ("contentMediaType" in schema):
            wanted = "an image" if "contentMediaType" in schema else f"of type {types}, not an image"
            yield ValidationError(f"must be {wanted}")
        else:
            yield from Draft202012Validator.VALIDATORS["type"](rules, types, instance, schema)

    checker = Draft202012Validator.TYPE_CHECKER.redefine("string", is_text)
    checker = checker.redefine("integer", lambda _, value: is_integer(value))
    extend: Any = validators.extend
    return extend(Draft202012Validator, {"type": type_keyword}, type_checker=checker)


def _explained(error: Any) -> Iterator[Problem]:
    """A validator's error in words that a person can act on, without the value that was sent."""
    path = tuple(str(step) for step in error.absolute_path)
    value = error.validator_value
    match error.validator:
        case "additionalProperties":
            known = error.schema.get("properties", {})
            for key in sorted(set(error.instance) - set(known)):
                yield Problem((*path, key), "is not known there", did_you_mean(key, known))
        case "required":
            # jsonschema yields one error for each name that is missing; each error lists them all.
            missing = next(name for name in value if f"{name!r} is a required" in error.message)
            yield Problem((*path, missing), "is missing", missing=True)
        case "dependentRequired":
            name, needed = next(
                (name, other)
                for name, others in value.items()
                for other in others
                if name in error.instance and error.message.startswith(f"{other!r} ")
            )
            yield Problem((*path, needed), f"is missing, and {name} needs it")
        case "enum":
            near = (
                did_you_mean(error.instance, [v for v in value if isinstance(v, str)])
                if isinstance(error.instance, str)
                else None
            )
            yield Problem(
                path, f"must be one of {', '.join(_brief(v) for v in value)}, not {_brief(error.instance)}", near
            )
        case "const":
            yield Problem(path, f"must be {_brief(value)}, not {_brief(error.instance)}")
        case "type" if error.message.startswith("must be"):
            yield Problem(path, error.message)
        case "type":
            kinds = value if isinstance(value, list) else [value]
            yield Problem(path, f"must be {' or '.join(_KINDS[k] for k in kinds)}, not {_brief(error.instance)}")
        case word if word in _LIMITS:
            yield Problem(path, f"{_LIMITS[word].format(value)}, not {_brief(error.instance)}")
        case _:
            yield Problem(path, "is not allowed there" if error.validator is None else f"breaks {error.validator}")


_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
_LIMITS = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "pattern": "must match {}",
}


def _brief(value: object) -> str:
    """A value for a message: scalars as they are, cut; the size of the rest; never an image."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value) if value.bit_length() < 70 else f"a number of about {value.bit_length() * 3 // 10} digits"
    if isinstance(value, float):
        return str(value)
    if isinstance(value, str):
        return repr(value) if len(value) <= 40 else f"a text of {len(value)} characters"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    return kind_of(value)
