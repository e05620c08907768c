"""The tests that `pytest --mappings FOLDER` runs: is the folder proven, and is every case what its snapshot holds?

Where hypothesis is installed, configs that it draws are tried as well.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from engine.errors import TableError
from engine.testing.cases import PayloadSnapshot, load_cases
from engine.testing.snapshots import matches_file, unused
from engine.testing.tables import TablesUnderTest

__all__: list[str] = []

# Syrupy would have a snapshot's name begin with its test's; ours begin with the back end's.
pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Can not relate snapshot")


_TABLES = pytest.StashKey[list[TablesUnderTest]]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test once for every folder, back end, case or plan."""
    if _TABLES not in metafunc.config.stash:  # once a run: what was read and proven serves every test
        folders = [Path(folder).resolve() for folder in metafunc.config.getoption("--mappings")]
        metafunc.config.stash[_TABLES] = [TablesUnderTest(folder) for folder in folders]
    tables = metafunc.config.stash[_TABLES]
    names = metafunc.fixturenames
    if "case" in names:
        metafunc.parametrize("case", [case for one in tables for case in load_cases(one)])
    elif "stage" in names:
        triples = [(one, name, stage) for one in tables for name in one.own for stage in one.stages(name)]
        params = [
            pytest.param(*t, id=f"{t[1]}/{t[2]}", marks=(pytest.mark.backend(name=t[1]), pytest.mark.stage(type=t[2])))
            for t in triples
        ]
        metafunc.parametrize(("tables", "backend", "stage"), params)
    elif "backend" in names:
        pairs = [(one, name) for one in tables for name in one.own]
        marked = [pytest.param(*pair, id=pair[1], marks=pytest.mark.backend(name=pair[1])) for pair in pairs]
        metafunc.parametrize(("tables", "backend"), marked)
    elif "plan" in names:
        plans = [(one, name, plan) for one in tables for name, plan in one.wrong_plans()]
        params = [pytest.param(*p, id=f"{p[1]}-{p[2].stem}", marks=pytest.mark.backend(name=p[1])) for p in plans]
        metafunc.parametrize(("tables", "wanted", "plan"), params)
    else:
        metafunc.parametrize("tables", tables, ids=[one.path.name for one in tables])


def test_the_tables_are_proven(tables: TablesUnderTest, backend: str) -> None:
    """Every table of the back end, for every request that there could be."""
    try:
        tables.backend(backend)
    except TableError as problem:
        pytest.fail(str(problem), pytrace=False)


def test_every_valid_config_meets_both_contracts(tables: TablesUnderTest, backend: str, stage: str) -> None:
    """What is drawn at random, but always the same, builds payloads that the contracts allow."""
    properties = _properties()
    _skip_unproven(tables, backend)
    wrong = properties.broken_contract(tables.catalog, backend, stage)
    if wrong is not None:
        pytest.fail(f"a valid config for {backend}/{stage} breaks a contract:\n{wrong}", pytrace=False)


def test_tables_that_are_read_plainly_give_the_same_bodies(tables: TablesUnderTest, backend: str, stage: str) -> None:
    """A second, plain implementation of the language makes the same of them."""
    properties = _properties()
    _skip_unproven(tables, backend)
    try:
        wrong = properties.unequal_bodies(tables.catalog, backend, stage)
    except properties.UnknownFormError as unknown:
        pytest.skip(f"the naive interpreter does not know this: {unknown}")
    if wrong is not None:
        pytest.fail(f"{backend}/{stage} is read in two ways:\n{wrong}", pytrace=False)


def _skip_unproven(tables: TablesUnderTest, backend: str) -> None:
    try:
        tables.backend(backend)
    except TableError:
        pytest.skip(f"{backend} is not proven: the test of its tables says why")


def _properties() -> Any:
    pytest.importorskip("hypothesis", reason="hypothesis draws the configs: pip install 'stage-engine[test]'")
    return importlib.import_module("engine.testing.properties")


def test_a_case_is_what_it_was(case, snapshot: SnapshotAssertion) -> None:  # type: ignore[no-untyped-def]
    """The payloads of a case, or the words of its refusal, as snapshots/ beside the cases keeps them."""
    PayloadSnapshot(snapshot, None)(case)


def test_a_wrong_plan_is_refused_in_these_words(
    tables: TablesUnderTest, wanted: str, plan: Path, snapshot: SnapshotAssertion
) -> None:
    """A plan of cases/errors is refused, in exactly the words that are kept."""
    refusal = tables.refusal(wanted, plan)
    if refusal is None:
        pytest.fail(f"{plan} is not refused", pytrace=False)
    name = f"{wanted}/errors/{plan.stem}.txt"
    text = str(refusal).replace(f"{plan.parent.as_posix()}/", "") + "\n"
    if not matches_file(snapshot, tables.path / "snapshots", name, text):
        pytest.fail(f"{plan.name} is refused in other words than {name} holds:\n{text}", pytrace=False)


def test_every_snapshot_has_its_case(tables: TablesUnderTest) -> None:
    """A file that no case wants any more is to be deleted."""
    names = [run.file_name for run in tables.runs()]
    names += [f"{backend}/errors/{plan.stem}.txt" for backend, plan in tables.wrong_plans()]
    left = unused(tables.path / "snapshots", names)
    if left:
        pytest.fail(f"snapshots without a case, to be deleted: {', '.join(left)}", pytrace=False)
