"""What a field of the engine's looks like in a form. Knows the declarations of fields, and nothing of Tk.

No field is known here by name: what there is, and of which kind, comes from the engine's own data, so that a field
which somebody adds there appears here by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine import Catalog


@dataclass(frozen=True)
class Field:
    """A field that a form can hold: text, a number, a choice, or yes and no."""

    name: str
    kind: str
    description: str
    choices: tuple[str, ...] = ()
    default: str = ""

    def value(self, text: str) -> object:
        """What was typed, as the engine wants it. What is no number stays text: the engine says what is wrong."""
        if self.kind == "boolean":
            return {"yes": True, "no": False}.get(text, text)
        if self.kind == "integer" or self.kind == "number":
            try:
                return int(text)
            except ValueError:
                try:
                    return float(text)
                except ValueError:
                    return text
        return text


def fields_of(catalog: Catalog, stage_type: str | None = None) -> dict[str, Field]:
    """The fields of a stage type, switches included; those of every type where it is None."""
    rules = catalog.rules
    stages = rules.stages.values() if stage_type is None else [rules.stages[stage_type]]
    names: dict[str, None] = {}
    for stage in stages:
        for group, visibility in stage.groups.items():
            if visibility.switch is not None:
                names[visibility.switch] = None
            names.update(dict.fromkeys(rules.groups[group]))
    found = (_field(catalog, name) for name in names)
    return {field.name: field for field in found if field is not None}


def _field(catalog: Catalog, name: str) -> Field | None:
    schema: Mapping[str, object] = catalog.rules.schemas[name]
    kind = str(schema.get("type"))
    if kind not in ("string", "integer", "number", "boolean") or "contentMediaType" in schema:
        return None  # lists, scripts and pictures want more than a line
    default = catalog.rules.rule(name).default
    choices = ("yes", "no") if kind == "boolean" else tuple(str(word) for word in _listed(schema.get("enum")))
    shown = {True: "yes", False: "no"}.get(default, default) if isinstance(default, bool) else default
    text = str(shown) if isinstance(shown, (str, int, float)) else ""
    return Field(name, kind, str(schema.get("description", "")), choices, text)


def _listed(words: object) -> list[object]:
    return list(words) if isinstance(words, (list, tuple)) else []
