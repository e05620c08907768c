"""The rules, the contracts and the words of hosts that a list of folders holds together.

This module knows which files of a folder hold them; what is in the files is read below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.backends.folders import Folder
from engine.documents import Document, read_document
from engine.errors import TableError
from engine.proofs.rule_checks import rule_findings
from engine.rules.client_words import read_client_words
from engine.rules.host_words import HostWords, read_host_words
from engine.rules.request import RequestRules, read_rules
from engine.tables.contracts import ContractLibrary

__all__ = ["host_words_of", "library_of", "rules_of"]


def library_of(folders: Sequence[Folder]) -> ContractLibrary:
    """The contracts and field declarations of these folders, the first folder winning."""
    return ContractLibrary([(f.schemas, f"{f.shown}/schemas" if f.shown else "schemas") for f in folders])


def rules_of(folders: Sequence[Folder], contracts: ContractLibrary) -> RequestRules:
    """The rules of these folders together, proven; the last folder's come first. Raises TableError."""
    rules = read_rules(_documents(folders, "request.yaml"), contracts.definitions("fields"))
    if findings := [*rule_findings(rules)]:
        raise TableError(findings)
    return rules


def host_words_of(folders: Sequence[Folder], rules: RequestRules) -> HostWords:
    """The words for a host's objects, of these folders together, and for its client, of the first that has some.

    Raises TableError.
    """
    words = read_host_words(_documents(folders, "host.yaml"), rules)
    clients = _documents(folders, "host_client.yaml")
    return replace(words, client=read_client_words(clients[-1], rules)) if clients else words


def _documents(folders: Sequence[Folder], name: str) -> list[Document]:
    """The files of this name, the last folder's first: the others add to it."""
    files = [(folder, folder.mappings / name) for folder in reversed(folders)]
    return [read_document(file, name=folder.name_of(file)) for folder, file in files if file.is_file()]
