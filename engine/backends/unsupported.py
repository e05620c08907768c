"""What a request asks for and its back end cannot do: refused before anything is sent, or left out with a warning.

Only what somebody asked for counts: a value of the plan's or the base's own that is no neutral one. A default that was
merely filled in, and a value that means "nothing" (request.yaml's `neutral`), ask for nothing. Pure: the request is not
changed, a new one comes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.backends.capabilities import Limit, Limits, Subject, rule_of
from engine.backends.catalog import Backend
from engine.errors import Finding, PayloadError, did_you_mean
from engine.request import GenerateImagesRequest
from engine.rules.request import RequestRules, StageType
from engine.rules.strangers import listed
from engine.tables.concrete import Value
from engine.values import ABSENT, Absent, same

__all__ = ["Possible", "possible"]


@dataclass(frozen=True, slots=True)
class Possible:
    """What is left of a request. `skipped`: nothing is, and its pictures go on to the next stage as they came."""

    request: GenerateImagesRequest
    warnings: tuple[Finding, ...] = ()
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class _Wish:
    """Something that is asked for and not possible.

    `name`: the group or field that is left out (`list.3.entry` in a list's item); `about`: the field that asks for it;
    `instead`: the default that stands for an impossible value; `needed`: it cannot be left out.
    """

    message: str
    name: str
    about: str
    code: str
    instead: Value = ABSENT
    needed: bool = False


def possible(backend: Backend, request: GenerateImagesRequest) -> Possible:
    """What this back end can do of a request.

    Raises PayloadError with everything that it cannot, unless the request says `on_unsupported: warn`. A stage that
    takes no pictures and is not possible is always refused: there is nothing that could go on in its place.
    """
    kind = backend.rules.stages.get(request.stage_type)
    warn = request.on_unsupported == "warn"
    if request.stage_type not in backend.stages or kind is None:
        finding = _no_stage(backend, request)
        if not (warn and request.input_images):
            raise PayloadError([finding])
        left = replace(finding, severity="warning", message=f"{finding.message}; the stage is left out", hint=None)
        return Possible(request, (left,), skipped=True)
    limits = backend.stages[request.stage_type].limits
    wishes = list(_Asking(backend.rules, kind, limits, request).wishes()) if limits else []
    if not wishes:
        return Possible(request)
    findings = [_finding(wish, backend, request, warn=warn) for wish in wishes]
    if refused := [finding for finding in findings if finding.severity == "error"]:
        raise PayloadError(refused)
    return Possible(_without(wishes, backend.rules, kind, request), tuple(findings))


def _no_stage(backend: Backend, request: GenerateImagesRequest) -> Finding:
    limit = backend.limits.get(Subject("stage", request.stage_type))
    if limit is not None:
        message, hint = f"this back end cannot run stages of type {request.stage_type}: {limit.reason}", _WAYS
    else:
        message = f"the back end {backend.name} has no stage of type {request.stage_type!r}"
        hint = did_you_mean(request.stage_type, backend.stages) or f"it runs: {', '.join(backend.stages)}"
    return Finding("unsupported-stage", message, hint=hint, stage=request.stage_id, backend=backend.name)


_WAYS = "leave it out, or say 'on_unsupported: warn' in the plan's options to go on without it"


class _Asking:
    """One request, held against what its back end cannot do."""

    def __init__(self, rules: RequestRules, stage: StageType, limits: Limits, request: GenerateImagesRequest) -> None:
        self._rules, self._stage, self._limits, self._request = rules, stage, limits, request
        self._fields = request.fields

    def wishes(self) -> Iterator[_Wish]:
        """Everything that is asked for and not possible. What a group as a whole cannot do is said once."""
        gone = {subject.name for subject in self._limits if subject.kind == "group"}
        for subject, limit in self._limits.items():
            group = self._rules.group_of(subject.name.partition(".")[0])
            if subject.kind == "group" and subject.name in self._stage.groups:
                yield from self._of_group(subject.name, limit)
            elif subject.kind in ("field", "value") and group in self._stage.groups and group not in gone:
                yield from self._of_field(subject, limit)

    def _of_group(self, group: str, limit: Limit) -> Iterator[_Wish]:
        switch = self._stage.groups[group].switch
        if switch is not None and self._value(switch) is True and self._is_asked(switch, True, switch):
            message = f"{switch} is true, and this back end cannot do that: {limit.reason}"
            yield _Wish(message, group, switch, code="unsupported-group")
            return
        named = [name for name in self._rules.groups[group] if self._is_asked(name, self._value(name), name)]
        if named and (switch is None or switch in named):
            verb = "is" if len(named) == 1 else "are"
            message = f"{listed(named)} {verb} given, and this back end cannot do that: {limit.reason}"
            yield _Wish(message, group, named[0], code="unsupported-group")

    def _of_field(self, subject: Subject, limit: Limit) -> Iterator[_Wish]:
        outer, _, member = subject.name.partition(".")
        for place, value in self._places(outer, member):
            if subject.kind == "field" and self._is_asked(subject.name, value, outer):
                message = f"{place} is given, and this back end cannot do it: {limit.reason}"
                yield _Wish(message, place, outer, code="unsupported-field")
            elif subject.kind == "value" and value is not ABSENT and same(value, subject.value):
                message = f"{place} is {subject.value!r}, which this back end cannot do: {limit.reason}"
                instead = self._default(subject.name)
                needed = instead is ABSENT and rule_of(self._rules, subject.name).required
                yield _Wish(message, place, outer, code="unsupported-value", instead=instead, needed=needed)

    def _places(self, outer: str, member: str) -> Iterator[tuple[str, Value]]:
        """The field's value, or that of an entry in each of its items, with the place's name."""
        value = self._value(outer)
        if not member:
            yield outer, value
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    yield f"{outer}.{index}.{member}", item.get(member, ABSENT)

    def _value(self, name: str) -> Value:
        return self._fields.get(name, ABSENT)

    def _default(self, name: str) -> Value:
        group = self._stage.groups[str(self._rules.group_of(name.partition(".")[0]))]
        default: Value = rule_of(self._rules, name).default if group.defaults or "." in name else ABSENT
        return default

    def _is_asked(self, name: str, value: Value, origin_of: str) -> bool:
        """Whether a value is somebody's wish. Of an entry in a list nobody knows who wrote it: defaults are none."""
        rule = rule_of(self._rules, name)
        if value is ABSENT or any(same(value, nothing) for nothing in rule.neutral):
            return False
        origin = self._request.origins.get(origin_of)
        if origin is None or "." in name:
            return isinstance(rule.default, Absent) or not same(value, rule.default)
        return origin.kind in ("stage", "base", "derived")


def _finding(wish: _Wish, backend: Backend, request: GenerateImagesRequest, *, warn: bool) -> Finding:
    origin = request.origins.get(wish.about)
    then = "it is left out" if wish.instead is ABSENT else f"{wish.instead!r} is taken"
    left = warn and not wish.needed
    return Finding(
        wish.code,
        f"{wish.message}; {then}" if left else wish.message,
        at=None if origin is None else origin.at,
        hint=None if left else _WAYS if not warn else "choose another",
        stage=request.stage_id,
        backend=backend.name,
        field=wish.about,
        severity="warning" if left else "error",
    )


def _without(
    wishes: list[_Wish], rules: RequestRules, stage: StageType, request: GenerateImagesRequest
) -> GenerateImagesRequest:
    """The request without what is not possible. What does nothing alone goes with what it belongs to."""
    fields: dict[str, Value] = dict(request.fields)
    groups = set(request.groups)
    for wish in wishes:
        if wish.code == "unsupported-group":
            _switch_off(wish.name, rules, stage, fields, groups)
            continue
        outer, _, inner = wish.name.partition(".")
        if inner:
            fields[outer] = _less(fields[outer], inner, wish.instead)
        elif wish.instead is not ABSENT:
            fields[outer] = wish.instead
        else:
            for name in {outer, *(n for parts in rules.together if outer in parts for n in parts)}:
                fields.pop(name, None)
            for group in [group for group, seen in stage.groups.items() if seen.switch == outer]:
                _switch_off(group, rules, stage, fields, groups)
    return replace(request, fields=fields, groups=frozenset(groups))


def _switch_off(group: str, rules: RequestRules, stage: StageType, fields: dict[str, Value], groups: set[str]) -> None:
    for name in rules.groups[group]:
        fields.pop(name, None)
    switch = stage.groups[group].switch
    if switch is not None and fields.get(switch, ABSENT) is True:
        fields[switch] = False
    groups.discard(group)


def _less(items: Value, inner: str, instead: Value) -> Value:
    index, _, member = inner.partition(".")
    assert isinstance(items, list)  # noqa: S101 - a wish inside an item was found there
    changed = list(items)
    item = changed[int(index)]
    assert isinstance(item, dict)  # noqa: S101 - likewise
    rest = {key: value for key, value in item.items() if key != member}
    changed[int(index)] = rest if instead is ABSENT else {**rest, member: instead}
    return changed
