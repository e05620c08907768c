"""The pytest plugin: `pytest --mappings FOLDER`, fixtures, and markers. It does nothing until one of them is used.

    pytest --mappings my-tables                                   # is it proven, and is every case what it was?
    pytest --mappings my-tables -m "backend(name='mine')"         # one back end's cases
    pytest --mappings my-tables --snapshot-update                 # keep what is built now

pytest imports this module in every run of every project that has stage-engine installed, so the engine, syrupy and
all else are imported only by what asks for them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from engine.testing.cases import PayloadSnapshot
    from engine.testing.tables import TablesUnderTest

__all__: list[str] = []

_FOLDERS = "--mappings"
_SNAPSHOTS = "stage_engine_snapshots"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and settings."""
    parser.getgroup("stage-engine").addoption(
        _FOLDERS,
        action="append",
        default=[],
        metavar="FOLDER",
        help="test a folder of tables (mappings/, schemas/, cases/): proofs, and each case against its snapshot",
    )
    parser.addini(
        _SNAPSHOTS, "where payload_snapshot keeps its files; the default is snapshots/ beside the cases", default=""
    )


def pytest_configure(config: pytest.Config) -> None:
    """Markers by which cases are chosen: -m "backend(name='mine') and stage(type='txt2img')"."""
    config.addinivalue_line("markers", "backend(name): the case is built for this back end")
    config.addinivalue_line("markers", "stage(type): the case is of this stage type")
    for folder in config.getoption(_FOLDERS):
        if not (Path(folder) / "mappings").is_dir():
            raise pytest.UsageError(f"{_FOLDERS} {folder}: there is no folder {Path(folder) / 'mappings'}")
    if config.getoption(_FOLDERS) and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = []  # whoever names tables and no tests wants the tables' tests alone


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the tests of every folder that was named, before -k and -m choose among them."""
    if config.getoption(_FOLDERS):
        suite = Path(__file__).with_name("suite.py")
        module: Any = pytest.Module.from_parent(session, path=suite, name="tables", nodeid="tables")
        # A folder without plans that are to be refused, say, has no such test, rather than one that is skipped.
        items += [item for item in session.genitems(module) if not item.name.endswith("[NOTSET]")]


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """The suite is for `--mappings` alone: a run that happens to walk over it takes nothing from it."""
    return True if collection_path == Path(__file__).with_name("suite.py") else None


@pytest.fixture(scope="session")
def stage_engine(request: pytest.FixtureRequest) -> TablesUnderTest:
    """The tables under test: the first folder of `--mappings`, else pytest's root folder."""
    from engine.testing.tables import TablesUnderTest

    folders = request.config.getoption(_FOLDERS)
    return TablesUnderTest(Path(folders[0]).resolve() if folders else request.config.rootpath)


@pytest.fixture
def payload_snapshot(request: pytest.FixtureRequest) -> PayloadSnapshot:
    """Holds a case against its file: `payload_snapshot(case)`, with a case of `load_cases`."""
    from engine.testing.cases import PayloadSnapshot

    folder = request.config.getini(_SNAPSHOTS)
    kept = request.config.rootpath / folder if folder else None
    return PayloadSnapshot(request.getfixturevalue("snapshot"), kept)
