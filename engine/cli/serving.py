"""Who answers a run: the server at a URL, or the embedded preview where none is named.

The preview speaks a protocol that the back end's own description names, and holds every body that it receives to
the back end's contracts a second time, as encoded text. This module starts and ends it; it sends nothing itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer

from engine.backends.catalog import Catalog
from engine.backends.names import Names
from engine.client import ApiClient

__all__ = ["protocol_of", "serving"]


@contextlib.contextmanager
def serving(
    catalog: Catalog,
    backend: str,
    url: str | None,
    delay: float,
    *,
    check_names: bool = True,
    names: Names | None = None,
) -> Iterator[ApiClient]:
    """A client of the server at `url`, or of a preview that lives as long as this context.

    `delay`: what the preview takes for each picture beside its drawing, in seconds. `check_names`: whether the server
    is asked for what the plan names; a preview takes every name. Raises typer.BadParameter where
    there is neither an address nor a preview, and as `ApiClient` does.
    """
    if url is not None:
        with ApiClient(url, backend=backend, catalog=catalog, check_names=check_names, names=names) as client:
            yield client
        return
    protocol_of(catalog, backend, "--url")
    # The preview draws with Pillow, which a run against a server never loads.
    from engine.preview import preview_of

    with (
        preview_of(catalog, backend, delay=delay) as server,
        ApiClient(server.url, backend=backend, catalog=catalog, check_names=False, names=names) as client,
    ):
        yield client


def protocol_of(catalog: Catalog, backend: str, option: str) -> str:
    """The protocol that the preview of this back end speaks. Raises typer.BadParameter, at `option`, if none does."""
    from engine.preview import PROTOCOLS

    protocol = catalog.backend(backend).preview
    if protocol is None:
        message = f"the back end {backend} has no preview: say where its server is, as in --url http://127.0.0.1:7860."
        raise typer.BadParameter(message, param_hint=option)
    if protocol not in PROTOCOLS:
        known = ", ".join(PROTOCOLS)
        message = f"the back end {backend} asks for a preview that speaks {protocol!r}, and there is {known}."
        raise typer.BadParameter(message, param_hint=option)
    return protocol
