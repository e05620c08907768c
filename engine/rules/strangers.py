"""What the stage's own config says and its stage type does not see: refused, each with what to write instead.

Hosts send whole configs, so a field whose switch is there and off is no stranger. Nor is anything in the base, which
all stage types share. What a host's objects hold alike for every stage type is left out with one warning. This module
compares words with groups; what becomes of a value is none of its business.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from engine.errors import Finding
from engine.rules.layers import Given
from engine.rules.request import RequestRules, StageType, Visibility
from engine.values import canonical, same

__all__ = ["listed", "stranger_findings"]


def stranger_findings(
    rules: RequestRules,
    stage: StageType,
    own: Mapping[str, Given],
    base: Mapping[str, Given],
    on: frozenset[str],
    taken_as_off: Collection[str] = (),
) -> Iterator[Finding]:
    """A finding for everything in the stage's own config that a stage of this type, with these groups on, ignores.

    `taken_as_off`: switches that are on and count as off.
    """
    constants = rules.constants_of(stage)
    switches = {visibility.switch for visibility in stage.groups.values()}
    left_out: list[str] = []
    for name, given in own.items():
        group = rules.group_of(name)
        if given.raw is None:
            continue
        if given.key != name and given.key in stage.instead:
            message = f"{given.key} may mean more than one thing on a stage of type {stage.name}"
            yield Finding("config-foreign-field", message, at=given.at, hint=stage.instead[given.key], field=name)
        elif name in constants:
            if not same(given.raw, constants[name]) and given.shared:
                left_out.append(given.key)
            elif not same(given.raw, constants[name]):
                message = f"{given.key} is always {canonical(constants[name])} on a stage of type {stage.name}"
                yield Finding("config-constant", message, at=given.at, field=name)
        elif not (group in on or name in switches or _is_off(rules, name, own, base, taken_as_off)):
            if given.shared:
                left_out.append(given.key)
                continue
            idle = stage.groups.get(str(group)) if name not in stage.instead else None
            yield _foreign(rules, stage, name, given) if idle is None else _idle(rules, name, given, idle)
    if left_out:
        message = f"a stage of type {stage.name} has no use for {listed(left_out)}: left out"
        yield Finding("config-foreign-field", message, severity="warning")


def _foreign(rules: RequestRules, stage: StageType, name: str, given: Given) -> Finding:
    """A field that belongs to stages of other types."""
    group = rules.group_of(name)
    seen_by = [s.name for s in rules.stages.values() if group in s.groups or name in _switches_in(s)]
    hint = stage.instead.get(name, f"it belongs to {listed(seen_by)}" if seen_by else None)
    message = f"{given.key} is no field of a stage of type {stage.name}"
    return Finding("config-foreign-field", message, at=given.at, hint=hint, field=name)


def _idle(rules: RequestRules, name: str, given: Given, visibility: Visibility) -> Finding:
    """A field of a group that this stage sees, and that nothing turns on."""
    switch = str(visibility.switch)
    place = " in the stage's own config" if visibility.own else ""
    if _is_flag(rules, switch):
        message, way = f"{given.key} is given, but {switch} is not true", f"say {switch}: true"
    else:
        message, way = f"{given.key} is given, but {switch} is not{place}", f"give {switch}{place}"
    return Finding("config-group-off", message, at=given.at, hint=f"{way}, or leave {given.key} out", field=name)


def _is_off(
    rules: RequestRules,
    name: str,
    own: Mapping[str, Given],
    base: Mapping[str, Given],
    taken_as_off: Collection[str],
) -> bool:
    """Whether a boolean that turns the field's group on, in any stage type, is there and off; or is one itself.

    The stage's own word counts before the base's.
    """
    group = rules.group_of(name)
    visible = [s.groups[group] for s in rules.stages.values() if group in s.groups] if group is not None else []
    for switch in (name, *(v.switch for v in visible)):
        if switch is not None and _is_flag(rules, switch):
            given = own.get(switch, base.get(switch))
            if switch in taken_as_off or (given is not None and given.raw is False):
                return True
    return False


def _is_flag(rules: RequestRules, name: str) -> bool:
    return rules.schemas[name].get("type") == "boolean" and rules.group_of(name) is None


def _switches_in(stage: StageType) -> set[str | None]:
    return {visibility.switch for visibility in stage.groups.values()}


def listed(words: Sequence[str]) -> str:
    """Words as a sentence lists them: "a, b and c"."""
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
