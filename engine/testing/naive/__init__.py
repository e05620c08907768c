"""Resolving and building once more, the plain way: the files read as plain YAML, each rule taken at its word.

    from engine import Catalog
    from engine.testing.naive import Naive

    naive = Naive(Catalog([Path("my-tables")]), "mine")
    resolved = naive.resolve("txt2img", {"prompt": "a cat"}, {"steps": 30})
    bodies = naive.build("txt2img", resolved, images=())

A second opinion for tests, and nothing else. It is slow, knows no positions, proves nothing and explains nothing;
configs are taken to be valid, and tables to be proven. It shares no code with the interpreter, so that one of the two
would have to make the other's mistake. It does not know every form: what it does not know (graphs, values that are
known only when they are sent) is an UnknownFormError, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.backends.catalog import Catalog
from engine.images import Image
from engine.testing.naive.forms import NOT_THERE, RefusedError, Scope, evaluate, holds
from engine.testing.naive.possible import possible
from engine.testing.naive.reading import Files, UnknownFormError
from engine.testing.naive.resolving import Resolved, resolve

__all__ = ["Naive", "RefusedError", "Resolved", "UnknownFormError"]


class Naive:
    """One back end of a catalog's folders, read anew. Of the catalog nothing but the folders is used."""

    def __init__(self, catalog: Catalog, backend: str) -> None:
        """Take a catalog and a back end's name. Raises LookupError where there is none of this name."""
        self._files = Files(tuple(folder.path for folder in catalog.folders))
        self._chain = self._files.chain(backend)
        self._names = [said["name"] for said in self._chain]

    def resolve(self, stage: str, base: Mapping[str, Any], own: Mapping[str, Any]) -> Resolved:
        """The request's fields for a stage of this type, the groups that are on, and which fields were asked for."""
        return resolve(self._files, stage, base, own)

    def build(self, stage: str, resolved: Resolved, images: Sequence[Image]) -> list[dict[str, Any]]:
        """The body of every call; pictures stand in it as they are.

        What the back end cannot do is left out, as with `on_unsupported: warn`. Raises UnknownFormError for a form
        that is not known here, and RefusedError where the table refuses what is asked for.
        """
        how: dict[str, Any] = next(said["stages"][stage] for said in self._chain if stage in said.get("stages", {}))
        table = self._files.table(self._names, how.get("table", stage))
        left = possible(self._files, stage, self._cannot(stage, how), resolved)
        takes = self._files.rules["stages"][stage].get("takes_images", False)
        fan_out = how.get("fan_out")
        parts: list[Any] = [None]
        if fan_out is not None:
            parts = list(images) if takes else left.fields.get(fan_out["over"], [])
        bodies = []
        for index, part in enumerate(parts):
            known = dict(left.fields)
            scope = Scope(known, left.groups, {})
            added = [n for n, when in _added(fan_out).items() if when == "always" or holds(when, scope)]
            for name in added:
                if isinstance(known.get(name), int) and known[name] >= 0:
                    known[name] += index
            if fan_out is not None and not takes:
                known[fan_out["over"]] = [part]
            image = part if takes and fan_out is not None else images[0] if takes and images else None
            if isinstance(image, Image):
                known |= {"input_images": list(images), "input.image": image}
                known |= {"input.width": image.width, "input.height": image.height}
            lookups = {**self._lookups(), **table["lookups"]}
            bodies.append(_body(table["flow"], Scope(known, left.groups, lookups)))
        return bodies

    def _lookups(self) -> dict[str, Any]:
        return {name: table for said in reversed(self._chain) for name, table in said.get("lookups", {}).items()}

    def _cannot(self, stage: str, how: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """What is not possible: what each back end says, the nearest last, and over it what it says of the stage."""
        found: dict[str, dict[str, Any]] = {"groups": {}, "fields": {}, "values": {}}
        for said in reversed(self._chain):
            is_home = said.get("stages", {}).get(stage) is how
            for part in (said, how) if is_home else (said,):
                for word, kept in found.items():
                    for name, reason in part.get("can", {}).get(word, {}).items():
                        kept[name] = _less(kept.get(name), reason) if word == "values" else None
                    for name, reason in part.get("cannot", {}).get(word, {}).items():
                        kept[name] = {**(kept.get(name) or {}), **reason} if word == "values" else reason
        return {word: {name: why for name, why in kept.items() if why} for word, kept in found.items()}


def _less(values: Mapping[Any, Any] | None, taken_back: Mapping[Any, Any]) -> dict[Any, Any]:
    return {value: why for value, why in (values or {}).items() if value not in taken_back}


def _added(fan_out: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields to which a call's place is added, and when."""
    return {} if fan_out is None else dict(fan_out.get("add_index", {}))


def _body(flow: list[Any], scope: Scope) -> dict[str, Any]:
    """What the rows of a table give, put where their targets say."""
    body: dict[str, Any] = {}
    for target, form, inner in _rows(flow, scope):
        found = evaluate(form, inner)
        if found is not NOT_THERE:
            _put(body, [step.replace("~1", "/").replace("~0", "~") for step in target.split("/")], found)
    return body


def _put(here: dict[str, Any], steps: list[str], value: Any) -> None:
    *parents, last = steps
    for position, step in enumerate(parents):
        if last == "-" and position == len(parents) - 1:
            here.setdefault(step, []).append(value)
            return
        here = here.setdefault(step, {})
    here[last] = value


def _rows(flow: Any, scope: Scope) -> Iterator[tuple[str, Any, Scope]]:
    """Every row that applies, in order, with what it sees. What is refused anywhere is refused before any."""
    found: list[tuple[str, Any, Scope]] = []
    for section in flow if isinstance(flow, list) else [flow]:
        for inner in scope.each(section["each"]) if "each" in section else [scope]:
            if not holds(section.get("when", {}), inner) or (
                "group" in section and section["group"] not in inner.groups
            ):
                found += _rows(section.get("else", []), inner)
                continue
            if "refuse" in section:
                raise RefusedError(section["refuse"])
            found += [(target, form, inner) for target, form in section.get("rows", {}).items()]
            for group, rows in section.get("groups", {}).items():
                found += [(target, form, inner) for target, form in rows.items() if group in inner.groups]
            found += _rows(section.get("then", []), inner)
    yield from found
