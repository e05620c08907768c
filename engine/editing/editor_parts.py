"""The building stones of a schema for editors: hover texts, choices, and messages that lead to the mend.

Editors speak draft-07, and read `markdownDescription` and `errorMessage` beside it. This module knows what editors
make of a schema, and nothing about tables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from engine.editing.meanings import Meaning
from engine.values import Json

__all__ = [
    "by_type",
    "described",
    "draft_07",
    "item",
    "mapping",
    "may_be",
    "needs",
    "one_of",
    "one_or_more",
    "ref",
    "text",
    "told",
]


def ref(name: str) -> dict[str, Json]:
    """A `$ref` to the definition of this name."""
    return {"$ref": f"#/definitions/{name}"}


def told(meaning: Meaning, schema: Mapping[str, Json]) -> dict[str, Json]:
    """The schema with a hover text. Beside a `$ref`, draft-07 reads nothing: it stands in an `allOf`."""
    about: dict[str, Json] = {"description": meaning.text, "markdownDescription": text(meaning)}
    return {**about, "allOf": [dict(schema)]} if "$ref" in schema else {**about, **schema}


def described(text: str, *schemas: Mapping[str, Json]) -> dict[str, Json]:
    """The schemas together, with a hover text in Markdown and the same in plain text."""
    about: dict[str, Json] = {"description": text.replace("**", "").replace("`", ""), "markdownDescription": text}
    if len(schemas) == 1 and "$ref" not in schemas[0]:
        return {**schemas[0], **about}
    return {**about, "allOf": [dict(schema) for schema in schemas]} if schemas else about


def text(meaning: Meaning) -> str:
    """A word's hover text."""
    return f"{meaning.text}\n\n```yaml\n{meaning.example}\n```"


def by_type(
    schemas: Mapping[str, dict[str, Json]], wrong: str, offered: Sequence[dict[str, Json]] | None = None
) -> dict[str, Json]:
    """What a value of each type must be; `wrong`: what to say of any other.

    The `anyOf` asks nothing: it is where editors find what to offer while there is no value yet. What is deep is
    `offered` as a shallow twin, since editors go through both.
    """
    judged: dict[str, Json] = {"type": [*schemas], "errorMessage": wrong}
    for kind, schema in schemas.items():
        judged = {"if": {"type": kind}, "then": schema, "else": judged}
    return {"anyOf": [*(schemas.values() if offered is None else offered), {}], **judged}


def one_of(texts: Mapping[str, str], wrong: str) -> dict[str, Json]:
    """One of these words. A constant for each, so that a hover tells of that one alone.

    A pattern judges, since of constants alone editors would list every one where none fits.
    """
    constants: list[Json] = [{**described(text), "const": word} for word, text in texts.items()]
    return {
        "type": "string",
        "pattern": f"^({'|'.join(map(re.escape, texts))})$",
        "errorMessage": wrong,
        "patternErrorMessage": wrong,
        "anyOf": [*constants, {}],
    }


def one_or_more(one: dict[str, Json]) -> dict[str, Json]:
    """One of these, or a list of them."""
    return {"anyOf": [one, {}], "if": {"type": "array"}, "then": {"items": one}, "else": one}


def needs(*words: str) -> list[Json]:
    """One of these keys must be there."""
    return [{"required": [word]} for word in words]


def draft_07(schema: Mapping[str, Json]) -> dict[str, Json]:
    """A contract's schema in the older words that editors know."""
    found: dict[str, Json] = {}
    for word, node in schema.items():
        if word == "properties":  # its keys are names, and one of them may be called like a keyword
            found[word] = {name: draft_07(mapping(inner)) for name, inner in mapping(node).items()}
        elif word in ("items", "additionalProperties", "propertyNames") and isinstance(node, dict):
            found[word] = draft_07(node)
        elif word == "prefixItems" and isinstance(node, list):
            found[word] = [draft_07(mapping(part)) for part in node]
        elif word not in ("$schema", "$comment", "title"):
            found[word] = node
    if "prefixItems" in found:
        rest = found.pop("items", True)
        found |= {"items": found.pop("prefixItems"), "additionalItems": rest}
    if "dependentRequired" in found:
        found["dependencies"] = found.pop("dependentRequired")
    return found


def may_be(schema: Mapping[str, Json], kind: str) -> bool:
    """Whether a schema lets values of this type through."""
    kinds = schema.get("type")
    return kinds == kind or (isinstance(kinds, list) and kind in kinds)


def item(schema: Mapping[str, Json]) -> Mapping[str, Json]:
    """The schema of a list's items, where all have the same."""
    return mapping(schema.get("items")) if "prefixItems" not in schema else {}


def mapping(node: Json) -> Mapping[str, Json]:
    """The node, or an empty mapping where it is another thing."""
    return node if isinstance(node, dict) else {}
