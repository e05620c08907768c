"""The rules and the contracts that a list of folders holds together.

This module knows which files of a folder hold them; what is in the files is read below.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.backends.folders import Folder
from engine.documents import read_document
from engine.errors import TableError
from engine.tables.contracts import ContractLibrary
from engine.tables.request import RequestRules, read_rules
from engine.tables.rule_checks import rule_findings

__all__ = ["library_of", "rules_of"]


def library_of(folders: Sequence[Folder]) -> ContractLibrary:
    """The contracts and field declarations of these folders, the first folder winning."""
    return ContractLibrary([(f.schemas, f"{f.shown}/schemas" if f.shown else "schemas") for f in folders])


def rules_of(folders: Sequence[Folder], contracts: ContractLibrary) -> RequestRules:
    """The rules of these folders together, proven; the last folder's come first. Raises TableError."""
    files = [(folder, folder.mappings / "request.yaml") for folder in reversed(folders)]
    documents = [read_document(file, name=folder.name_of(file)) for folder, file in files if file.is_file()]
    rules = read_rules(documents, contracts.definitions("fields"))
    if findings := [*rule_findings(rules)]:
        raise TableError(findings)
    return rules
