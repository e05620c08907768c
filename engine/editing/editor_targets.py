"""The targets of contracts, and which contracts a table may mean by what it says behind `payload`.

For the schema that editors read. This module knows contracts, and nothing of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.editing.editor_parts import item, mapping, may_be
from engine.tables.contracts import Contract
from engine.tables.forms import target_text
from engine.values import Json

__all__ = ["MeantContract", "meant_contracts", "targets_of"]

#: How deep into a payload targets are offered, and how many of one contract.
_MAX_DEPTH = 5
_MAX_TARGETS = 2_000


@dataclass(frozen=True, slots=True)
class MeantContract:
    """One or several contracts that a table may mean: how it names them, and each target with what it may be."""

    spellings: list[str]
    targets: dict[str, list[Mapping[str, Json]]]


def meant_contracts(contracts: Mapping[str, Contract]) -> dict[str, MeantContract]:
    """What tables may say behind `payload`: a contract in full, or its last part, which may stand for several.

    Which of several it is depends on the back end, and so is the proof's to say.
    """
    by_last: dict[str, list[str]] = {}
    for name in contracts:
        by_last.setdefault(name.rpartition("/")[2], []).append(name)
    meant = {last: [last] for last, names in by_last.items() if len(names) > 1}
    meant |= {name: [name] for name in contracts}
    for last, names in by_last.items():
        if len(names) == 1:
            meant[names[0]].append(last)
    found: dict[str, MeantContract] = {}
    for name, spellings in meant.items():
        targets: dict[str, list[Mapping[str, Json]]] = {}
        for one in [name] if name in contracts else by_last[name]:
            for target, schema in targets_of(contracts[one].schema).items():
                known = targets.setdefault(target, [])
                known += [] if schema in known else [schema]
        found[name] = MeantContract(spellings, targets)
    return found


def targets_of(schema: Mapping[str, Json]) -> dict[str, Mapping[str, Json]]:
    """Every target that a contract knows, with its schema. A target that ends in `*` stands for any key there."""
    found: dict[str, Mapping[str, Json]] = {}

    def walk(node: Mapping[str, Json], path: tuple[str, ...]) -> None:
        if path:
            if len(found) == _MAX_TARGETS:
                return
            found[target_text(path)] = node
        if len(path) == _MAX_DEPTH:
            return
        for name, inner in mapping(node.get("properties")).items():
            walk(mapping(inner), (*path, name))
        if may_be(node, "array"):
            walk(item(node), (*path, "-"))
        if may_be(node, "object") and node.get("additionalProperties", True) is not False:
            found[f"{target_text(path)}/*" if path else "*"] = mapping(node.get("additionalProperties"))

    walk(schema, ())
    return found
