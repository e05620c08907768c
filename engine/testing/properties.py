"""What holds for every config, tried on some that hypothesis draws: two properties of a folder's back ends.

The same examples are drawn in every run. What fails is cut down, key by key, to what is needed for the failure. This
module knows strategies and the naive interpreter, and nothing of pytest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from itertools import combinations
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engine.backends.catalog import Backend, Catalog
from engine.client import PreparedRequest
from engine.errors import Finding, PayloadError, PlanError
from engine.images import Image
from engine.plan import PlanOptions, StageConfig, StageExecution, StageExecutionPlan
from engine.planning import PlannedStage, plan_run
from engine.review.differences import differences
from engine.review.wording import shown
from engine.tables.forms import Take, target_text
from engine.tables.traverse import of_kind, rows_of
from engine.testing.naive import Naive, RefusedError, UnknownFormError
from engine.testing.strategies import Pair, Strategies
from engine.values import Absent, Json, Later
from engine.wire import described, encode

__all__ = ["EXAMPLES", "UnknownFormError", "broken_contract", "unequal_bodies"]

#: How many configs are tried for each stage type of a back end.
EXAMPLES: Final = 10
#: A refusal with one of these is the table's answer to a combination that it has thought of.
#: (A total lookup over open text has thought of all texts: it refuses those that it does not hold.)
_MEANT: Final = frozenset({"payload-refused", "unsupported-value", "value-reserved-key", "value-not-in-lookup"})
_QUIET: Final = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

#: One try: what is wrong, or None.
_Try = Callable[[Pair, tuple[Image, ...]], str | None]


def broken_contract(catalog: Catalog, backend: str, stage: str, examples: int = EXAMPLES) -> str | None:
    """A valid config whose request or payloads break their contracts, and how; None where none was found.

    A combination that the table refuses by itself is none, and neither is a value whose bounds hold at run alone.
    """
    real = catalog.backend(backend)

    def tried(pair: Pair, images: tuple[Image, ...]) -> str | None:
        try:
            planned = _planned(catalog, real, pair, images)
        except PlanError:
            return None  # two fields that forbid each other: nothing of it reaches a table
        except PayloadError as refusal:
            wrong = [finding for finding in refusal.findings if not _is_meant(real, stage, finding)]
            return "\n".join(map(str, wrong)) or None
        assert planned.request is not None and planned.prepared is not None  # noqa: S101 - it was enabled
        contract = real.stages[stage].contract
        problems = [*catalog.request_contracts[stage].problems(planned.request.payload)]
        for body in planned.prepared.bodies:
            problems += contract.problems(body)
            if not _waits(body):  # what goes over the line is what was built: the body once more, from its bytes
                problems += contract.problems(json.loads(encode(body)), encoded_images=True)
        return "\n".join(f"{target_text(problem.path)} {problem.message}" for problem in problems) or None

    return _first_failure(catalog, stage, tried, examples)


def unequal_bodies(catalog: Catalog, backend: str, stage: str, examples: int = EXAMPLES) -> str | None:
    """A valid config of which the naive interpreter makes other bodies, and which; None where none was found.

    Raises UnknownFormError where a table has a form that the naive interpreter does not know.
    """
    real, naive = catalog.backend(backend), Naive(catalog, backend)

    def tried(pair: Pair, images: tuple[Image, ...]) -> str | None:
        try:
            planned = _planned(catalog, real, pair, images)
        except PlanError:
            return None
        except PayloadError as refusal:
            return None if not _codes(refusal) & _MEANT else _refused(naive, pair, images, refusal)
        assert planned.request is not None and planned.prepared is not None  # noqa: S101 - it was enabled
        resolved = naive.resolve(stage, pair.base, pair.own)
        found = list(differences(described(resolved.fields), described(planned.request.fields)))
        if found:
            return "\n".join(_difference(("request", *one.path), one.old, one.new) for one in found)
        try:
            plain = naive.build(stage, resolved, images)
        except RefusedError as refused:
            return f"read plainly, it is refused: {refused}"
        found = list(differences([*map(described, plain)], [*map(described, planned.prepared.bodies)]))
        return "\n".join(_difference(("call", *one.path), one.old, one.new) for one in found) or None

    return _first_failure(catalog, stage, tried, examples)


def _planned(catalog: Catalog, backend: Backend, pair: Pair, images: tuple[Image, ...]) -> PlannedStage:
    given = images if catalog.rules.stages[pair.stage].takes_images else ()
    stage = StageExecution("only", StageConfig(pair.stage, pair.own))
    plan = StageExecutionPlan((stage,), given, PlanOptions(seed="server", on_unsupported="warn"), run_id="drawn")
    return plan_run(plan, pair.base, catalog, lambda request: PreparedRequest.of(backend, request)).stages[0]


def _waits(value: object) -> bool:
    """Whether something of a body is known only when it is sent."""
    if isinstance(value, (dict, list)):
        return any(map(_waits, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Later)


def _is_meant(backend: Backend, stage: str, finding: Finding) -> bool:
    """Whether a refusal is an answer: the table refuses, or the row says that its bounds hold at run alone."""
    rows = rows_of(backend.stages[stage].table.flow)
    at_run = {row.at for row in rows if any(take.at_run for take in of_kind(Take, row.expression))}
    return finding.code in _MEANT or (finding.code == "payload-contract" and finding.at in at_run)


def _codes(refusal: PayloadError) -> set[str]:
    return {finding.code for finding in refusal.findings}


def _refused(naive: Naive, pair: Pair, images: tuple[Image, ...], refusal: PayloadError) -> str | None:
    try:
        naive.build(pair.stage, naive.resolve(pair.stage, pair.base, pair.own), images)
    except RefusedError:
        return None
    return f"read plainly, it is not refused: {refusal}"


def _difference(path: tuple[str, ...], plain: Json | Absent, built: Json | Absent) -> str:
    where = target_text(path)
    return f"{where}: {shown(plain)} where the files are read plainly, {shown(built)} as it is built"


# -- examples ------------------------------------------------------------------------------------------------------


def _first_failure(catalog: Catalog, stage: str, tried: _Try, examples: int) -> str | None:
    """What is wrong with the first example that fails, cut down, with the configs behind it."""
    for pair, images in _examples(catalog, stage, examples):
        if tried(pair, images) is not None:
            least = _cut_down(pair, lambda one, images=images: tried(one, images) is not None)  # type: ignore[misc]
            return f"{tried(least, images)}\nbase_config: {_told(least.base)}\nstage_config: {_told(least.own)}"
    return None


@lru_cache(maxsize=64)
def _examples(catalog: Catalog, stage: str, count: int) -> tuple[tuple[Pair, tuple[Image, ...]], ...]:
    """The examples for a stage type, the same for each of its back ends: to draw them is what takes time."""
    drawn = Strategies(catalog)
    found: list[tuple[Pair, tuple[Image, ...]]] = []

    @settings(_QUIET, max_examples=count)
    @given(drawn.configs(stage), st.lists(drawn.pictures(), min_size=1, max_size=2))
    def take(pair: Pair, images: list[Image]) -> None:
        found.append((pair, tuple(images)))

    take()
    return tuple(found)


def _cut_down(pair: Pair, fails: Callable[[Pair], bool]) -> Pair:
    """The pair without every key, and every two keys, without which it fails, too."""
    for count in (1, 2):  # what counts together only can only leave together
        for keys in combinations((*pair.base, *pair.own), count):
            less = Pair(pair.stage, _less(pair.base, keys), _less(pair.own, keys))
            if (less.base, less.own) != (pair.base, pair.own) and fails(less):
                pair = less
    return pair


def _less(config: Mapping[str, Any], keys: Collection[str]) -> Mapping[str, Any]:
    return {name: value for name, value in config.items() if name not in keys}


def _told(config: Mapping[str, Any]) -> str:
    return json.dumps(described(dict(config)), ensure_ascii=False)
