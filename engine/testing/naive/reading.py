"""The files of a catalog read as plain YAML and JSON: rules, fields, what back ends say, and tables with their parents.

Nothing here knows where a thing stands, and nothing is proven: folders are taken to pass `stage-engine check`.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Files", "UnknownFormError"]

#: The words of a table and of a section that are known here.
_SECTION = {"rows", "groups", "when", "group", "each", "then", "else", "drop", "refuse", "flow"}
_TABLE = _SECTION | {"format", "payload", "extends", "lookups", "replace_lookups", "replace", "remove", "undrop"}


class UnknownFormError(ValueError):
    """A table, or what a back end says of a stage, uses a form that the naive interpreter does not know."""


class _Loader(yaml.SafeLoader):
    """YAML whose only booleans are true and false, whose only numbers are JSON's, and which knows no dates."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012 - PyYAML's name and shape


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("(true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("(~|null|)$"), ["~", "n", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"-?(0|[1-9][0-9]*)$"), list("-0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"),
    list("-0123456789"),
)
# PyYAML takes the text of a number apart by older rules; Python's are JSON's where the text is JSON's.
_Loader.add_constructor("tag:yaml.org,2002:float", lambda _, node: float(str(node.value)))


class Files:
    """What the folders hold, the first winning."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self.folders = folders
        self.rules = self._merged()
        self.fields: dict[str, Any] = {}
        for folder in reversed(folders):
            for file in (folder / "schemas").glob("fields.json"):
                self.fields |= json.loads(file.read_text(encoding="utf-8"))["$defs"]
        for name, schema in self.fields.items():
            if "$ref" in schema:
                self.fields[name] = self.fields[schema["$ref"].rpartition("/")[2]]

    def _merged(self) -> dict[str, Any]:
        """The rules of all folders, the last folder's first: the others add to them."""
        rules: dict[str, Any] = {"stages": {}, "groups": {}, "fields": {}, "lookups": {}, "together": [], "drop": {}}
        for folder in reversed(self.folders):
            file = folder / "mappings/request.yaml"
            part = _read(file) if file.is_file() else {}
            for stage, more in part.get("stages", {}).items():
                known = rules["stages"].setdefault(stage, {})
                groups = {**known.get("groups", {}), **more.get("groups", {})}
                known.update(more)
                known["groups"] = groups
            for word in ("groups", "fields", "lookups", "drop"):
                rules[word] |= part.get(word, {})
            rules["together"] += part.get("together", [])
        return rules

    def file(self, name: str) -> Any:
        """A file below mappings/ of the first folder that has it, or None."""
        found = next((f / "mappings" / name for f in self.folders if (f / "mappings" / name).is_file()), None)
        return None if found is None else _read(found)

    def chain(self, backend: str) -> list[dict[str, Any]]:
        """What a back end says, and those that it extends, the most derived first."""
        said = self.file(f"{backend}/backend.yaml")
        if said is None:
            raise LookupError(f"there is no back end {backend!r}")
        return [said, *(self.chain(said["extends"]) if "extends" in said else [])]

    def table(self, names: list[str], table: str) -> dict[str, Any]:
        """A table as one flow of sections, with all that it inherits. `names`: back ends, the most derived first."""
        places = [table] if "/" in table else [f"{name}/{table}" for name in names]
        found = next((one for place in places if (one := self.file(f"{place}.yaml")) is not None), None)
        if found is None:
            raise LookupError(f"there is no table {places[0]!r}")
        if unknown := sorted(set(found) - _TABLE):
            raise UnknownFormError(f"the table {places[0]} says {unknown[0]!r}")
        parent = self.table(names, found["extends"]) if "extends" in found else {"flow": [], "lookups": {}}
        flow = _changed(parent["flow"], found.get("replace", {}), found.get("remove", {}))
        flow += [{word: found[word] for word in _SECTION - {"flow"} if word in found}, *found.get("flow", [])]
        lookups = {**parent["lookups"], **found.get("lookups", {}), **found.get("replace_lookups", {})}
        for section in _sections(flow):
            if unknown := sorted(set(section) - _SECTION):
                raise UnknownFormError(f"a section of {places[0]} says {unknown[0]!r}")
        return {"flow": flow, "lookups": lookups}


def _read(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - built on the safe loader


def _sections(flow: Any) -> Iterator[Mapping[str, Any]]:
    """Every section of a flow, those within others included."""
    for section in flow if isinstance(flow, list) else [flow]:
        yield section
        for word in ("then", "else"):
            yield from _sections(section.get(word, []))


def _changed(flow: list[Any], replaced: Mapping[str, Any], removed: Mapping[str, Any]) -> list[Any]:
    """A parent's sections with rows replaced, or taken out, wherever they stand."""
    changed = copy.deepcopy(flow)
    for section in _sections(changed):
        for rows in (section.get("rows", {}), *section.get("groups", {}).values()):
            rows.update({target: form for target, form in replaced.items() if target in rows})
            for target in removed:
                rows.pop(target, None)
    return changed
