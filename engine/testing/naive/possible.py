"""What is left of a request where a back end cannot do all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.testing.naive.forms import NOT_THERE, RefusedError, equal
from engine.testing.naive.reading import Files
from engine.testing.naive.resolving import Resolved, rule_of, seen_how

__all__ = ["possible"]


def possible(files: Files, stage: str, cannot: Mapping[str, Mapping[str, Any]], resolved: Resolved) -> Resolved:
    """The request without what is not possible. Raises RefusedError where something of it is needed."""
    left = _Left(files.rules, files.rules["stages"][stage], resolved)
    for group in cannot["groups"]:
        left.without_group(group)
    for name in cannot["fields"]:
        left.without_field(name)
    for name, values in cannot["values"].items():
        if left.home(name) not in cannot["groups"]:
            left.without_values(name, values)
    return Resolved(left.fields, left.groups, resolved.asked)


class _Left:
    """The request as it was, and what is left of it so far."""

    def __init__(self, rules: Mapping[str, Any], kind: Mapping[str, Any], resolved: Resolved) -> None:
        self.rules, self.kind, self.resolved = rules, kind, resolved
        self.fields, self.groups = dict(resolved.fields), set(resolved.groups)

    def home(self, name: str) -> str | None:
        """The group of a field, or of the list that it is a member of."""
        outer = name.partition(".")[0]
        return next((group for group, names in self.rules["groups"].items() if outer in names), None)

    def without_group(self, group: str) -> None:
        """Without a group, where somebody asked for it."""
        if group not in self.kind["groups"]:
            return
        switch = seen_how(self.kind, group)["switch"]
        is_on = self._given(switch) is True and self._is_asked(switch, True)
        given = [name for name in self.rules["groups"][group] if self._is_asked(name, self._given(name))]
        if is_on or (given and (switch is None or switch in given)):
            self._switch_off(group)

    def without_field(self, name: str) -> None:
        """Without a field, where somebody asked for it; what does nothing alone goes with it."""
        outer, _, member = name.partition(".")
        if member:
            self._change_items(outer, member, lambda value: NOT_THERE if self._is_asked(name, value) else value)
        elif self._is_asked(name, self._given(name)):
            self._take_out(name)

    def without_values(self, name: str, values: Mapping[Any, Any]) -> None:
        """With the default, or nothing, in the place of these values of a field."""
        outer, _, member = name.partition(".")
        group, rule = self.home(name), rule_of(self.rules, name)
        if group is None or group not in self.kind["groups"]:
            return
        has_default = "default" in rule and (bool(member) or seen_how(self.kind, group)["defaults"])

        def instead(value: Any) -> Any:
            if value is NOT_THERE or not any(equal(value, one) for one in values):
                return value
            if not has_default and rule.get("required"):
                raise RefusedError(f"{name} is {value!r}, which is needed and not possible")
            return rule["default"] if has_default else NOT_THERE

        if member:
            self._change_items(outer, member, instead)
        elif outer in self.fields:
            changed = instead(self.fields[outer])
            if changed is NOT_THERE:
                self._take_out(outer)
            else:
                self.fields[outer] = changed

    def _given(self, name: str | None) -> Any:
        return NOT_THERE if name is None else self.resolved.fields.get(name, NOT_THERE)

    def _is_asked(self, name: str, value: Any) -> bool:
        """Whether it is somebody's wish: no default, and nothing that asks for nothing."""
        rule = rule_of(self.rules, name)
        if value is NOT_THERE or any(equal(value, nothing) for nothing in rule.get("neutral", [])):
            return False
        return not equal(value, rule.get("default", NOT_THERE)) if "." in name else name in self.resolved.asked

    def _take_out(self, name: str) -> None:
        for one in {name, *(mate for parts in self.rules["together"] if name in parts for mate in parts)}:
            self.fields.pop(one, None)
        for group in [group for group in self.kind["groups"] if seen_how(self.kind, group)["switch"] == name]:
            self._switch_off(group)

    def _switch_off(self, group: str) -> None:
        for name in self.rules["groups"][group]:
            self.fields.pop(name, None)
        switch = seen_how(self.kind, group)["switch"]
        if self.fields.get(switch) is True:
            self.fields[switch] = False
        self.groups.discard(group)

    def _change_items(self, outer: str, member: str, change: Callable[[Any], Any]) -> None:
        if outer in self.fields:
            changed = [{k: change(v) if k == member else v for k, v in item.items()} for item in self.fields[outer]]
            self.fields[outer] = [{k: v for k, v in item.items() if v is not NOT_THERE} for item in changed]
