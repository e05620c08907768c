"""What may stand behind a row's target, as a schema for editors: field names, forms, conditions, conversions.

Everything is there twice: outside of an `each`, where a name is a field's, and inside of one, which binds names of
its own. This module knows the words of expressions; sections and files are described in `editor_schema`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from engine.editing.editor_parts import by_type, described, one_of, one_or_more, ref, text, told
from engine.editing.meanings import BESIDE, FORMS, TESTS
from engine.editing.schema_words import schema_words
from engine.rules.request import RequestRules
from engine.tables.conversions import CONVERSIONS
from engine.tables.expressions import FORM_WORDS
from engine.values import ABSENT, Json

__all__ = ["Flavour", "binding", "conversion", "field", "field_text", "group", "language", "link", "readable"]

_NO_FORM = f"A row is a field's name, or holds one form: {', '.join(FORM_WORDS)}."
_NO_BODY = "'each' has one body: 'object', or 'do' for anything else."
_VARIABLE = r"^[A-Za-z_]\w*(\.\w+)*$"
_PARAMETERS: dict[str, dict[str, Json]] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "text": {"type": "string"},
    "lookup": {"$ref": "#/definitions/lookupName"},
}


@dataclass(frozen=True, slots=True)
class Flavour:
    """Where rows stand: for which contract (None: any), and whether inside an `each`, which binds names."""

    contract: str | None = None
    inside_each: bool = False

    def ref(self, name: str) -> dict[str, Json]:
        """A `$ref` to the definition of this name in this flavour."""
        return ref(self.name(name))

    def name(self, name: str) -> str:
        """The definition's name. Only rows and sections differ from contract to contract."""
        contract = self.contract if name in ("rows", "section") else None
        about = "" if contract is None else f" {contract.replace('/', '.')}"
        return f"{name}{about}{' each' if self.inside_each else ''}".replace(" ", ":")

    @property
    def each(self) -> Flavour:
        """The same, inside an `each`."""
        return Flavour(self.contract, inside_each=True)


def language(flavour: Flavour, rules: RequestRules) -> dict[str, Json]:
    """Names, expressions and conditions, outside or inside an `each`."""
    named: dict[str, Json] = ref("field")
    if flavour.inside_each:
        named = {"anyOf": [named, {"type": "string", "pattern": _VARIABLE}]}
    return {
        flavour.name("name"): named,
        flavour.name("expression"): by_type(
            {"object": flavour.ref("form"), "string": flavour.ref("name")},
            f"{_NO_FORM} A constant is {{value: …}}.",
            offered=[flavour.ref("name"), ref("words")],
        ),
        flavour.name("entries"): {"type": "object", "additionalProperties": flavour.ref("expression")},
        flavour.name("form"): form(flavour),
        flavour.name("test"): test(),
        flavour.name("condition"): condition(flavour, rules),
    }


def form(flavour: Flavour) -> dict[str, Json]:
    expressions: dict[str, Json] = {"type": "array", "items": flavour.ref("expression")}
    names: dict[str, Json] = {"type": "array", "items": flavour.ref("name"), "minItems": 1}
    words: dict[str, dict[str, Json]] = {
        "from": {"anyOf": [flavour.ref("name"), names]},
        "value": {},
        "first": {**expressions, "minItems": 2},
        "list": expressions,
        "join": {"type": "string"},
        "each": binding(flavour),
        "object": {"type": "object"},
        "open": flavour.ref("name"),
        "late": {"type": "string", "pattern": r"\S"},
        "link": link(),
        "lookup": ref("lookupOrName"),
        "replace": ref("lookupOrName"),
        "as": one_or_more(ref("conversion")),
        "bounds": {"enum": ["at_run"]},
        "when": flavour.ref("condition"),
        "reserved": {"type": "array", "items": {"type": "string", "pattern": r"\S"}},
        "do": flavour.each.ref("expression"),
    }
    meanings = {**FORMS, **BESIDE}
    cases: list[Json] = []
    for form, others in FORM_WORDS.items():
        alone: Json = {"not": {"required": ["each"]}} if form in FORM_WORDS["each"] else True
        fitting: dict[str, Json] = dict.fromkeys(sorted({form, "when", *others}), True)
        cases.append(
            {
                "if": {"required": [form], "allOf": [alone]},
                "then": {"properties": fitting, "additionalProperties": False, "errorMessage": _beside(form, fitting)},
            }
        )
    return {
        "type": "object",
        "properties": {word: told(meanings[word], words[word]) for word in words},
        "anyOf": [{"required": [form], "errorMessage": _NO_FORM} for form in FORM_WORDS],
        "allOf": cases,
        "if": {"required": ["each"]},
        "then": {
            "properties": {"object": flavour.each.ref("entries")},
            "anyOf": [{"required": [word], "errorMessage": _NO_BODY} for word in ("object", "do")],
            "dependencies": {"do": {"properties": {"object": False}, "errorMessage": _NO_BODY}},
        },
        "else": {"properties": {"object": flavour.ref("entries")}},
    }


def link() -> dict[str, Json]:
    """A wire, or a node and its output."""
    return {"type": "string", "pattern": r"^[^.\s]+(\.[^.\s]+)?$"}


def _beside(form: str, fitting: Iterable[str]) -> str:
    others = ", ".join(f"'{word}'" for word in fitting if word != form)
    return f"Beside '{form}' only {others} can stand."


def condition(flavour: Flavour, rules: RequestRules) -> dict[str, Json]:
    several: dict[str, Json] = {"type": "array", "minItems": 1, "items": flavour.ref("condition")}
    words: dict[str, Json] = {
        "group": told(TESTS["group"], group(rules)),
        "all": told(TESTS["all"], several),
        "any": told(TESTS["any"], several),
        "not": told(TESTS["not"], flavour.ref("condition")),
    }
    fields: dict[str, Json] = {
        name: described(field_text(rules, name), flavour.ref("test")) for name in readable(rules)
    }
    return {
        "type": "object",
        "minProperties": 1,
        "properties": {**words, **fields},
        "additionalProperties": flavour.ref("test") if flavour.inside_each else False,
    }


def test() -> dict[str, Json]:
    words: dict[str, Json] = {
        "equals": told(TESTS["equals"], {}),
        "in": told(TESTS["in"], {"type": "array"}),
        "longer_than": told(TESTS["longer_than"], {"type": "integer", "minimum": 0}),
    }
    plain = {word: text(TESTS[word]) for word in ("present", "absent")}
    wrong = "A field is tested as present, absent, {equals: …}, {in: […]} or {longer_than: 1}."
    literal = one_of(plain, wrong)
    one: dict[str, Json] = {
        "type": "object",
        "properties": words,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return by_type({"object": one, "string": literal}, wrong)


def conversion() -> dict[str, Json]:
    """A conversion: its name, or one name with its parameter."""
    plain = [c for c in CONVERSIONS.values() if c.parameter == "none"]
    others = [c for c in CONVERSIONS.values() if c.parameter != "none"]
    with_parameter, without = ", ".join(c.name for c in others), ", ".join(c.name for c in plain)
    wrong = f"Conversions without a parameter: {without}. With one, as in {{round_down: 8}}: {with_parameter}."
    properties: dict[str, Json] = {
        c.name: described(f"`{c.name}` gives {c.summary}. Its parameter: {c.parameter}.", _PARAMETERS[c.parameter])
        for c in others
    }
    one: dict[str, Json] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
        "errorMessage": wrong,
    }
    named = one_of({c.name: f"`{c.name}` gives {c.summary}." for c in plain}, wrong)
    return by_type({"object": one, "string": named}, wrong)


def field(rules: RequestRules) -> dict[str, Json]:
    """A field's name."""
    wrong = "No field of this name can be read here: completion lists them all."
    return one_of({name: field_text(rules, name) for name in readable(rules)}, wrong)


def group(rules: RequestRules) -> dict[str, Json]:
    """A group's name."""
    return {"type": "string", "enum": [*rules.groups]}


def binding(flavour: Flavour) -> dict[str, Json]:
    """What an `each` goes over: a field, or {name: field}."""
    variable: dict[str, Json] = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": flavour.ref("name"),
    }
    return {"anyOf": [flavour.ref("name"), variable]}


def readable(rules: RequestRules) -> list[str]:
    """The fields that a table may name: all but those that only others are derived from."""
    return [name for name in rules.schemas if not rules.rule(name).input]


def field_text(rules: RequestRules, name: str) -> str:
    """All that a hover shows of a field, in Markdown: meaning, type, default, aliases, group."""
    schema, rule = rules.schemas[name], rules.rule(name)
    parts = [f"**{name}**: {schema_words(schema)}", str(schema.get("description", ""))]
    if rule.default is not ABSENT:
        parts.append(f"Default: `{json.dumps(rule.default, ensure_ascii=False)}`")
    if rule.aliases:
        parts.append(f"Also written: {', '.join(rule.aliases)}")
    group = rules.group_of(name)
    if group is not None:
        stages = ", ".join(stage.name for stage in rules.stages.values() if group in stage.groups)
        parts.append(f"Group {group}, seen by: {stages}")
    return "\n\n".join(part for part in parts if part)
