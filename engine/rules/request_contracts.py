"""The contract of each stage type's request, made from the fields and the rules of request.yaml.

`schemas/request/<stage>.json` holds what this gives, so that people can read and review it; `check` says when a
file there is stale. A field's rule says what is required; nothing here is written twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from engine.rules.request import RequestRules, StageType
from engine.values import ABSENT, Json

__all__ = ["request_contract", "request_contract_text"]


def request_contract(rules: RequestRules, stage: StageType, of: Callable[[str], Mapping[str, Json]]) -> dict[str, Json]:
    """The contract of this stage type's requests; `of` gives a field's schema, or a `$ref` to it."""
    constants = rules.constants_of(stage)
    properties: dict[str, Json] = {}
    required: list[Json] = []
    needs: dict[str, list[str]] = {}
    for name in rules.schemas:
        if name in constants:
            properties[name] = {"const": constants[name]}
            required.append(name)
            continue
        switched = [v.switch for v in stage.groups.values() if v.switch == name]
        group = rules.group_of(name)
        if group is None and switched:
            properties[name] = dict(of(name))
            required.append(name)
        elif group in stage.groups and not rules.rule(name).input:
            properties[name] = dict(of(name))
            visibility, rule = stage.groups[str(group)], rules.rule(name)
            given = rule.required or (visibility.defaults and rule.default is not ABSENT)
            if visibility.switch is None and given:
                required.append(name)
            elif visibility.switch in rules.groups[str(group)] and name != visibility.switch:
                needs[name] = [str(visibility.switch)]
        for together in rules.together:
            if name in properties and name in together:
                known = needs.get(name, [])
                needs[name] = [*known, *(other for other in together if other != name and other not in known)]
    if stage.takes_images:
        properties["input_images"] = dict(of("input_images"))
        required.append("input_images")
    contract: dict[str, Json] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Made from schemas/fields.json and mappings/request.yaml by 'stage-engine check --write'.",
        "title": f"A request of the stage type {stage.name}",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    if needs:
        contract["dependentRequired"] = {name: [*others] for name, others in needs.items()}
    return contract


def request_contract_text(rules: RequestRules, stage: StageType) -> str:
    """The file's text: indented, one key a line, ending in a newline."""

    def reference(name: str) -> dict[str, Json]:
        place = f"../fields.json#/$defs/{name}"
        if not rules.rule(name).filled:
            return {"$ref": place}
        items = rules.schemas[name]["items"]
        required = items["required"] if isinstance(items, dict) else []
        return {"$ref": place, "items": {"$ref": f"{place}/items", "required": required}}

    return json.dumps(request_contract(rules, stage, reference), indent=2, ensure_ascii=False) + "\n"
