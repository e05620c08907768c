"""Options of the test run."""

from __future__ import annotations

import pytest

pytest_plugins = ["engine.testing.plugin"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-expected", action="store_true", help="write what the table cases find to expected.txt")
    parser.addoption("--full", action="store_true", help="run the tests that want more than Python, too: a browser")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--full"):
        for item in items:
            if item.get_closest_marker("full") is not None:
                item.add_marker(pytest.mark.skip(reason="wants --full"))
