"""What a live server says that it has.

Unknown is not empty: a list is None where the server did not tell it, and a list without entries is a server that has
none. Names are kept as the server wrote them; all the names of one entry find it. Plain data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.errors import Finding
from engine.proofs.kinds import KINDS
from engine.values import ABSENT, Absent, Json

__all__ = ["Entry", "ServerDescription"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One checkpoint, sampler or the like: the name that is shown, and what else it is called."""

    name: str
    also: tuple[str, ...] = ()

    def is_called(self, name: str) -> bool:
        """Whether this is one of its names."""
        return name == self.name or name in self.also


def _list(kind: str) -> property:
    def found(self: ServerDescription) -> tuple[Entry, ...] | None:
        return self.lists.get(kind)

    return property(found, doc=f"Its {kind}, or None where it did not tell.")


@dataclass(frozen=True, slots=True)
class ServerDescription:
    """A server that answered, and what it told. None: it did not tell.

    `version`: of its program; `checkpoint`: the one that is loaded; `lists`: the lists that it told, by their names,
    each an attribute of its own as well; `nodes`: the classes of its nodes; `account`: all that it says of them;
    `unanswered`: questions that failed, as warnings.
    """

    backend: str
    url: str
    version: str | None = None
    checkpoint: str | None = None
    lists: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    nodes: tuple[str, ...] | None = None
    account: Json | Absent = field(default=ABSENT, repr=False)
    unanswered: tuple[Finding, ...] = ()

    checkpoints = _list("checkpoints")
    samplers = _list("samplers")
    schedulers = _list("schedulers")
    upscalers = _list("upscalers")
    vaes = _list("vaes")
    loras = _list("loras")
    detectors = _list("detectors")
    scripts = _list("scripts")

    def to_json(self) -> dict[str, object]:
        """The description as JSON data; null is unknown."""
        return {
            "backend": self.backend,
            "url": self.url,
            "reachable": True,
            "version": self.version,
            "checkpoint": self.checkpoint,
            **{kind: [e.name for e in self.lists[kind]] if kind in self.lists else None for kind in KINDS},
            "nodes": None if self.nodes is None else list(self.nodes),
            "unanswered": [finding.to_json() for finding in self.unanswered],
        }
