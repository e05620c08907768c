"""Test doubles for hosts, and a test harness for people who write tables (docs/testing.md).

For hosts, with no server, no socket and no Pillow: `FakeClient` stands for an `ApiClient`: it makes small valid
pictures, and fails where a test says so. `FakePipeline` stands for a `PipelineRunner`: it gives results that a test
has prepared. Both have the real signatures. `FakeHostClient` is a client as hosts have one, for `HostClient`.
`CancelAfter` is a cancel token that is cancelled when it has been asked a number of times. `picture` makes a PNG.
`ScriptedServer` is a real HTTP server that gives the `Reply`s of a list and keeps what it has `Seen`.

For tables: `load_cases` gives a folder's cases to one parametrised test, with the fixture `payload_snapshot` of the
pytest plugin; `pytest --mappings FOLDER` needs no test file at all. `Strategies` draws configs and plans with
hypothesis, each of them valid or wrong in one thing; `Naive` reads tables a second time, in the plain way. This part
wants the `test` extra.

Names are loaded when they are first used: pytest imports this package in every run.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.testing.cases import PayloadSnapshot, load_cases
    from engine.testing.fakes import CancelAfter, FakeClient, FakePipeline
    from engine.testing.host import FakeHostClient
    from engine.testing.naive import Naive
    from engine.testing.pictures import picture
    from engine.testing.scripted import Reply, ScriptedServer, Seen
    from engine.testing.strategies import Strategies
    from engine.testing.tables import CaseRun, TablesUnderTest

_HOMES = {
    "cases": ("PayloadSnapshot", "load_cases"),
    "fakes": ("CancelAfter", "FakeClient", "FakePipeline"),
    "host": ("FakeHostClient",),
    "naive": ("Naive",),
    "pictures": ("picture",),
    "scripted": ("Reply", "ScriptedServer", "Seen"),
    "strategies": ("Strategies",),
    "tables": ("CaseRun", "TablesUnderTest"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "CancelAfter",
    "CaseRun",
    "FakeClient",
    "FakeHostClient",
    "FakePipeline",
    "Naive",
    "PayloadSnapshot",
    "Reply",
    "ScriptedServer",
    "Seen",
    "Strategies",
    "TablesUnderTest",
    "load_cases",
    "picture",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
