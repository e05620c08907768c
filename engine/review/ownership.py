"""Who owns what, on both sides: which groups a stage type sees and when, their fields, and the targets they own.

All of it is read from the rules and tables themselves, so a change is found whether or not a case shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.backends.catalog import Backend
from engine.proofs.ownership import Owner, owned_targets
from engine.rules.request import RequestRules, Visibility
from engine.tables.forms import target_text

__all__ = ["OwnershipChange", "ownership_changes"]


@dataclass(frozen=True, slots=True)
class OwnershipChange:
    """One change of who owns a field or a target, in words. `where`: the stage type or the table."""

    where: str
    what: str


def ownership_changes(
    rules: tuple[RequestRules, RequestRules], backends: tuple[Mapping[str, Backend], Mapping[str, Backend]]
) -> Iterator[OwnershipChange]:
    """Yield every change between the old side and the new one."""
    yield from _fields(*rules)
    yield from _visibility(*rules)
    for name in sorted(backends[0].keys() & backends[1].keys()):
        old, new = backends[0][name].stages, backends[1][name].stages
        for stage in (stage for stage in old if stage in new):
            owned = owned_targets(old[stage].table), owned_targets(new[stage].table)
            for owner in sorted(owned[0].keys() | owned[1].keys(), key=sorted):
                targets = [{target_text(target) for target in side.get(owner, ())} for side in owned]
                for target in sorted(targets[1] - targets[0]):
                    yield OwnershipChange(f"{name}/{stage}", f"{target} belongs to {_groups(owner)} now")
                for target in sorted(targets[0] - targets[1]):
                    yield OwnershipChange(f"{name}/{stage}", f"{target} does not belong to {_groups(owner)} any more")


def _groups(owner: Owner) -> str:
    names = sorted(owner)
    return f"the group {names[0]}" if len(names) == 1 else f"the groups {' and '.join(names)} together"


def _fields(old: RequestRules, new: RequestRules) -> Iterator[OwnershipChange]:
    for name in dict.fromkeys((*old.schemas, *new.schemas)):
        before, after = old.group_of(name), new.group_of(name)
        if before is not None and after is not None and before != after:
            yield OwnershipChange("every stage type", f"the field {name} moved from the group {before} to {after}")


def _visibility(old: RequestRules, new: RequestRules) -> Iterator[OwnershipChange]:
    for stage in (stage for stage in old.stages if stage in new.stages):
        before, after = old.stages[stage].groups, new.stages[stage].groups
        for group in dict.fromkeys((*before, *after)):
            seen = _shown(before.get(group)), _shown(after.get(group))
            if seen[0] != seen[1]:
                yield OwnershipChange(stage, f"the group {group} was {seen[0]} and is {seen[1]}")


def _shown(visibility: Visibility | None) -> str:
    if visibility is None:
        return "not seen"
    words = ["always seen" if visibility.switch is None else f"seen where {visibility.switch} turns it on"]
    words += ["in the stage's own config only"] if visibility.own else []
    words += [] if visibility.defaults else ["without defaults"]
    return ", ".join(words)
