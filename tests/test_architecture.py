"""The house: imports point downwards only, importing it is light, and no back end's words stand in it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import engine
from engine.proofs.kinds import KINDS

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "engine"

#: The floors of ARCHITECTURE.md, from the ground up. A module may import modules of lower floors, and within
#: a package those of its own package, as long as no circle comes of it.
FLOORS = [
    ["errors", "values", "cancel", "markup", "notations"],
    ["image_headers", "images", "document_builder", "documents"],
    ["tables"],
    ["rules"],
    ["proofs"],
    ["editing"],
    ["plan", "request", "wire", "seeds", "multipart", "addresses"],
    ["results"],
    ["events"],
    ["backends"],
    ["conversation", "reference"],
    ["host_objects", "host_plans"],
    ["credentials", "transport", "prober", "websocket", "driver", "client", "plan_files", "planning", "learning"],
    ["host_client", "client_for_host", "host_events"],
    ["runner", "cases"],
    ["preview", "review"],
    ["testing"],
    ["cli"],
]
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}


def modules() -> dict[str, Path]:
    """Every module of the package, by its name below `engine.`."""
    found = {}
    for file in ENGINE.rglob("*.py"):
        parts = file.relative_to(ENGINE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if name:
            found[name] = file
    return found


def imports_of(name: str, file: Path) -> Iterator[str]:
    """The modules of this package that a module imports, wherever the import stands in it."""
    known = modules()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "engine":
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            # `from package import module` needs the module, not what the package's face hands on.
            names = inside if all(name.removeprefix("engine.") in known for name in inside) else [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for found in names:
            below = found.removeprefix("engine.")
            if found.startswith("engine.") and below in known and below != name:
                yield below


def test_the_checkout_is_tried_and_not_what_is_installed() -> None:
    assert Path(engine.__file__).resolve().is_relative_to(ROOT)


def test_every_module_has_a_floor() -> None:
    assert sorted({name.split(".")[0] for name in modules()} - FLOOR_OF.keys()) == []


def test_imports_point_downwards() -> None:
    upwards = []
    for name, file in modules().items():
        top = name.split(".")[0]
        for other in imports_of(name, file):
            there = other.split(".")[0]
            if there != top and FLOOR_OF[there] > FLOOR_OF[top]:
                upwards.append(f"{name} -> {other}")
    assert upwards == []


def test_no_imports_go_in_a_circle() -> None:
    graph = {name: sorted(set(imports_of(name, file))) for name, file in modules().items()}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle: {' -> '.join((*path, name))}"
        if name not in done:
            for other in graph[name]:
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_importing_the_package_is_light() -> None:
    heavy = ["requests", "jsonschema", "yaml", "typer", "rich", "PIL", "referencing", "http.server", "websocket"]
    code = f"import sys, engine; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_conversation_has_no_socket_thread_or_clock() -> None:
    """Whoever drives it owns those: so every conversation can be played by hand, and ends."""
    owned = {"socket", "threading", "time", "asyncio", "requests", "urllib3", "http", "select", "websocket", "sched"}
    found = []
    for name, file in modules().items():
        if name.split(".")[0] != "backends" or name == "backends.catalog":  # which threads may share: it has a lock
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            found += [f"{name}: {one}" for one in names if one.split(".")[0] in owned]
    assert found == []


def test_loading_every_name_reads_no_table_lists_no_folder_of_them_and_connects_to_nobody() -> None:
    code = (
        "import sys; seen = [];"
        "watched = ('open', 'os.listdir', 'os.scandir', 'glob.glob', 'socket.connect', 'socket.getaddrinfo');"
        "sys.addaudithook(lambda event, given: seen.append((event, str(given[0]))) if event in watched else None);"
        "from engine import *;"
        "print([one for one in seen if one[0].startswith('socket') or one[1].endswith(('.yaml', '.json'))"
        " or 'mappings' in one[1] or 'schemas' in one[1].replace('jsonschema', '')])"
    )
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_runner_brings_no_library_of_the_command() -> None:
    code = (
        "import sys; from engine import *; ApiClient, PipelineRunner, load_plan, Catalog().rules;"
        "print([name for name in ['typer', 'rich', 'PIL'] if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", engine.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(engine, name) is not None


def test_what_the_type_checker_sees_is_what_there_is() -> None:
    tree = ast.parse((ENGINE / "__init__.py").read_text(encoding="utf-8"))
    told = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.If)
        for part in node.body
        if isinstance(part, ast.ImportFrom)
        for alias in part.names
    }
    assert told == set(engine.__all__) - {"__version__"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        engine.Nonsense  # noqa: B018


# -- data first ---------------------------------------------------------------------------------------------------


def wire_words() -> set[str]:
    """Back ends' names, endpoints' segments and wire keys, but for the words that are fields of our own."""
    fields = json.loads((ROOT / "schemas" / "fields.json").read_text(encoding="utf-8"))["$defs"]
    ours = {*fields, *fields["stage_type"]["enum"]}
    for schema in fields.values():
        ours |= set(schema.get("items", {}).get("properties", {}))
    words: set[str] = set()
    for folder in (ROOT / "mappings").iterdir():
        if not folder.is_dir():
            continue
        words.add(folder.name)
        for file in (ROOT / "schemas" / folder.name).glob("*.json"):
            if file.stem == "nodes":
                words |= node_words(json.loads(file.read_text(encoding="utf-8")))
            else:
                words |= set(re.findall(r'"([A-Za-z_]\w*)": \{', file.read_text(encoding="utf-8")))
        for segments in re.findall(r"(?:post|path): \[(.*?)\]", (folder / "backend.yaml").read_text(encoding="utf-8")):
            words |= {segment.strip() for segment in segments.split(",")}
    #: JSON Schema's own words, and words of plain English that a server happens to use as keys.
    plain = {"properties", "items", "additionalProperties", "propertyNames", "dependentRequired", "v1"}
    plain |= {"mask", "image", "args", "progress", "upload", "ws"}
    plain |= {*KINDS, *KINDS.values(), "options"}
    return {word for word in words - ours - plain if not word.startswith("_")}


def node_words(described: dict[str, Any]) -> set[str]:
    """The words of a description of nodes that no engine could know: those of plain English are left out."""
    inputs = {name for kind in described["classes"].values() for name in kind.get("inputs", {})}
    spelled = {word for word in described["live"].values() if isinstance(word, str)}
    words = {*inputs, *spelled, *(word for word in described["written"].values() if isinstance(word, str))}
    return {*described["classes"], *described["live"]["types"], *(word for word in words if "_" in word)}


def words_in(file: Path) -> Iterator[tuple[str, int]]:
    """Every identifier, and every word in a string that is not a docstring, with its line."""
    with tokenize.open(file) as stream:
        tree = ast.parse(stream.read())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute):
            yield node.attr, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            for word in re.findall(r"[A-Za-z0-9_]+", node.value):
                yield word, node.lineno


def test_there_are_wire_words_to_look_for() -> None:
    assert {"a1111", "sdapi", "enable_hr", "init_images", "alwayson_scripts", "ad_model", "sd_vae"} <= wire_words()


def test_no_back_ends_word_stands_in_the_engine() -> None:
    words = wire_words()
    found = [
        f"{name}:{line}: {word}"
        for name, file in modules().items()
        if name.split(".")[0] not in ("preview",)
        for word, line in words_in(file)
        if word in words
    ]
    assert found == []


def test_modules_are_small_enough_to_read() -> None:
    #: What is larger is one thing that would not be clearer in two, with its reason.
    large = {
        "planning": "one pass over a plan, with everything that can be wrong with it",
        "tables.forms": "the language, form by form",
        "tables.walk": "the one interpreter",
        "tables.conversions": "the conversions, each with what it does to values and to sets",
        "proofs.symbolic": "one algebra",
        "tables.domains": "one union of parts",
        "rules.resolve": "one resolution",
    }
    sizes = {name: len(file.read_text(encoding="utf-8").splitlines()) for name, file in modules().items()}
    assert sorted(name for name, size in sizes.items() if size > 300 and name not in large) == []
    assert all(sizes[name] <= 500 for name in large)
