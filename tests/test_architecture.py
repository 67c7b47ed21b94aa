"""The building: floors, cycles, sizes, words, and the tools that read the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
from twisted.trial.unittest import SynchronousTestCase

import meet

HOUSE = Path(meet.__file__).parent
GROUND = HOUSE.parent
LINES = 450
WORLD = {"twisted", "zope", "time", "random", "secrets", "os", "socket", "pathlib", "sqlite3", "sqlalchemy", "alembic"}
WITHOUT_TEST = {"version.py"}
"""Nothing but a number."""

NO_NAMES = ("Manager", "Handler", "Processor", "Engine", "Helper", "Util", "Base", "Impl", "Common")
GRAPH = grimp.build_graph("meet", include_external_packages=True, exclude_type_checking_imports=True)


def floors() -> dict[str, int]:
    """The floor of each module or package, as the map in ``meet/__init__.py`` has it."""
    found: dict[str, int] = {}
    floor = -1
    _, _, rows, *_ = re.split(r"^=====  .*$", meet.__doc__ or "", flags=re.MULTILINE)
    for row in rows.split("\n"):
        if row[:1].isdigit():
            floor = int(row[0])
        for name in re.findall(r"``(\w+)/?``", row[:69]):
            found[name] = floor
    return found


FLOORS = floors()


def sources() -> list[Path]:
    """Every Python file of the package."""
    return sorted(HOUSE.rglob("*.py"))


def imports() -> Iterator[tuple[str, str]]:
    """Every import: who, and what."""
    for module in sorted(GRAPH.modules):
        if module.startswith("meet."):
            for imported in sorted(GRAPH.find_modules_directly_imported_by(module)):
                yield module, imported


def part(module: str) -> str:
    """The module or package right under meet that ``module`` belongs to."""
    return module.split(".")[1]


class Floors(SynchronousTestCase):
    def test_the_map_shows_everything_that_is_there(self) -> None:
        there = {path.stem for path in HOUSE.glob("*.py")} | {path.parent.name for path in HOUSE.glob("*/__init__.py")}
        assert there - {"__init__"} == set(FLOORS)

    def test_imports_go_down_only(self) -> None:
        wrong = []
        for module, imported in imports():
            if imported.startswith("meet.") and part(module) != part(imported):
                here, there = FLOORS[part(module)], FLOORS[part(imported)]
                if there > here or (here == there == 5):
                    wrong.append(f"{module} (floor {here}) imports {imported} (floor {there})")
        assert not wrong, "\n".join(wrong)

    def test_the_lower_floors_know_no_world(self) -> None:
        wrong = [
            f"{module} imports {imported}"
            for module, imported in imports()
            if FLOORS[part(module)] <= 2 and imported.split(".")[0] in WORLD
        ]
        assert not wrong, "\n".join(wrong)

    def test_the_flow_knows_no_protocol(self) -> None:
        wrong = []
        for path in sources():
            if path.parent == HOUSE and FLOORS.get(path.stem) == 4:
                wrong += [
                    f"{path.stem} imports {name}"
                    for name in named_imports(path)
                    if name.startswith(("twisted.web", "twisted.words", "twisted.enterprise"))
                ]
        assert not wrong, "\n".join(wrong)

    def test_each_part_that_is_not_ours_has_one_home(self) -> None:
        homes = {
            "sqlalchemy": {"store"},
            "alembic": {"store"},
            "sqlite3": {"store", "broker"},
            "klein": {"web"},
            "autobahn": {"web", "bluesky"},
            "jinja2": {"web"},
            "treq": {"twitter", "bluesky", "mastodon", "shadow", "store"},
            "django": {"rasputin"},
            "redis": {"rasputin"},
        }
        wrong = [
            f"{module} imports {imported}"
            for module, imported in imports()
            if part(module) not in homes.get(imported.split(".")[0], {part(module)})
        ]
        assert not wrong, "\n".join(wrong)

    def test_there_are_no_cycles(self) -> None:
        rings = []
        for module in sorted(GRAPH.modules):
            if module.startswith("meet"):
                for imported in GRAPH.find_modules_directly_imported_by(module):
                    chain = GRAPH.find_shortest_chain(imported, module) if imported.startswith("meet") else None
                    if chain is not None and imported != module:
                        rings.append(" -> ".join([module, *chain]))
        assert not rings, "\n".join(rings)


def named_imports(path: Path) -> Iterator[str]:
    """The full names of the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def public(
    tree: ast.AST, within: str = ""
) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every public class, function and method."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield f"{within}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public(node, f"{node.name}.")


class Files(SynchronousTestCase):
    def test_no_file_is_too_long(self) -> None:
        long = {path.name: count for path in sources() if (count := len(path.read_text().splitlines())) > LINES}
        assert not long

    def test_everything_public_says_what_it_promises(self) -> None:
        silent = []
        for path in sources():
            tree = ast.parse(path.read_text())
            where = path.relative_to(GROUND)
            if not ast.get_docstring(tree):
                silent.append(str(where))
            silent += [f"{where}: {name}" for name, node in public(tree) if not ast.get_docstring(node)]
        assert not silent, "\n".join(silent)

    def test_classes_are_called_by_what_they_are(self) -> None:
        vague = [
            f"{path.relative_to(GROUND)}: {node.name}"
            for path in sources()
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ClassDef) and any(word in node.name for word in NO_NAMES)
        ]
        assert not vague, "\n".join(vague)

    def test_every_module_has_its_test(self) -> None:
        missing = []
        for path in sources():
            place = path.relative_to(HOUSE)
            if path.name == "__init__.py" or str(place) in WITHOUT_TEST or "migrations" in place.parts:
                continue
            test = GROUND / "tests" / place.parent / f"test_{path.name}"
            if not test.exists():
                missing.append(f"meet/{place} has no {test.relative_to(GROUND)}")
        assert not missing, "\n".join(missing)

    def test_nothing_is_left_to_do(self) -> None:
        marks = re.compile(r"\b(TODO|FIXME|XXX)\b")
        assert not [path.name for path in sources() if marks.search(path.read_text())]


class Tools(SynchronousTestCase):
    """What others say of the code."""

    def run_clean(self, *command: str) -> None:
        ran = subprocess.run(command, cwd=GROUND, capture_output=True, text=True, timeout=600, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr

    def beside(self, name: str) -> str:
        """The program of that name beside this Python."""
        return str(Path(sys.executable).parent / name)

    def test_import_linter_keeps_its_contracts(self) -> None:
        self.run_clean(self.beside("lint-imports"), "--config", "setup.cfg", "--no-cache")

    def test_mypy_is_content(self) -> None:
        self.run_clean(sys.executable, "-m", "mypy")

    def test_ruff_is_content(self) -> None:
        self.run_clean(sys.executable, "-m", "ruff", "check", "--no-cache", ".")

    def test_ruff_finds_every_file_in_form(self) -> None:
        self.run_clean(sys.executable, "-m", "ruff", "format", "--no-cache", "--check", ".")
