"""The house stands: imports go downward, and opening the door brings in no tool."""

import ast
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tinygrad_softmax"

FLOORS = [
    {"core", "by_hand", "datasets", "notebook"},
    {"ops", "debug"},
    {"ir"},
    {"derivation"},
    {"compiler", "explanation"},
    {"checker", "classifier", "drawing"},
    {"testing", "teaching", "pytest_plugin"},
    {"commands", "__main__"},
]
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}

FRONT_DOOR = "__init__"
"""The package's own `__init__.py`: it shows every room, so no room may ask it for anything."""


def module_name(file):
    """The dotted name below the package; a folder goes by the name of its `__init__.py`."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or FRONT_DOOR


FILES = {module_name(file): file for file in sorted(PACKAGE.rglob("*.py"))}
ROOMS = sorted(FILES.keys() - {FRONT_DOOR})


def imported(module):
    """The modules of this package that a module imports, anywhere: in functions, for types."""
    file = FILES[module]
    here = [PACKAGE.name, *file.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            base += node.module.split(".") if node.module else []
            names = [[*base, alias.name] for alias in node.names]
        else:
            continue
        for top, *path in names:
            if top == PACKAGE.name:
                # `from .tensor import Tensor` names a thing in a module: drop what is no module.
                while path and ".".join(path) not in FILES:
                    path.pop()
                yield ".".join(path) or FRONT_DOOR


def test_every_room_has_a_floor():
    assert {name.split(".")[0] for name in ROOMS} <= FLOOR.keys()


@pytest.mark.parametrize("module", ROOMS)
def test_imports_go_downward(module):
    room = module.split(".")[0]
    for other in set(imported(module)):
        assert other != FRONT_DOOR, f"{module} imports from the package's __init__"
        lower = other.split(".")[0]
        assert FLOOR[lower] <= FLOOR[room], f"{module} imports {other}, which is above it"


def test_imports_never_go_in_a_circle():
    # Raises CycleError, which names the circle. A folder's own `__init__` shows its modules.
    TopologicalSorter({module: set(imported(module)) - {module} for module in ROOMS}).prepare()


TOOLS = ("checker", "classifier", "compiler", "derivation", "drawing", "explanation", "ir",
         "testing")  # fmt: skip


def test_importing_the_package_imports_numpy_and_no_tool():
    """A tool is imported when it is first asked for; so are scikit-learn, Matplotlib and Dask."""
    program = (
        "import numpy, sys; before = {*sys.modules}; import tinygrad_softmax; "
        "print(*({*sys.modules} - before))"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV_"))}
    printed = subprocess.check_output(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, text=True
    )
    names = set(printed.split())
    packages = {name.partition(".")[0] for name in names}
    assert packages <= {PACKAGE.name, "numpy", *sys.stdlib_module_names}
    assert not names & {f"{PACKAGE.name}.{tool}" for tool in TOOLS}
