"""What is said of a release is the same everywhere; what has moved is where it is said to be."""

import importlib
import re
import sys
import tomllib
from pathlib import Path

import pytest

import tinygrad_softmax

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
CITATION = (ROOT / "CITATION.cff").read_text("utf-8")
MIGRATION = (ROOT / "docs" / "migration.md").read_text("utf-8")
RELEASES = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", CHANGELOG, re.MULTILINE)
MOVED = re.findall(r"^- `([\w.]+)` is now `([\w.]+)`: (.+)$", MIGRATION, re.MULTILINE)


# --- versions ---


def test_the_version_is_the_same_everywhere():
    version = PROJECT["project"]["version"]
    assert tinygrad_softmax.__version__ == version
    assert re.findall(r"^version: (\S+)$", CITATION, re.MULTILINE) == [version]
    assert RELEASES[0] == ("Unreleased", "")
    assert RELEASES[1][0] == version
    assert re.findall(r"^date-released: (\S+)$", CITATION, re.MULTILINE) == [RELEASES[1][1]]


def test_the_changelog_is_kept():
    """As https://keepachangelog.com has it: dated releases, and changes by kind."""
    assert all(date for _, date in RELEASES[1:])
    kinds = re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE)
    assert {*kinds} <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    unreleased = CHANGELOG.split("\n## [")[1].split("\n## [")[0]
    assert unreleased.startswith("Unreleased]")
    for link in re.findall(r"\]\((docs/[\w./]+)\)", CHANGELOG):
        assert (ROOT / link).is_file(), link


def test_the_citation_is_complete():
    """The keys that version 1.2.0 of the Citation File Format requires, with values it allows."""
    yaml = pytest.importorskip("yaml")
    held = yaml.safe_load(CITATION)
    assert held["cff-version"] == "1.2.0"
    assert held["message"]
    assert held["title"]
    assert held["type"] == "software"
    assert held["license"] == PROJECT["project"]["license"]
    names = [author["name"] for author in held["authors"]]
    assert names == [author["name"] for author in PROJECT["project"]["authors"]]
    assert held.keys() <= {"abstract", "authors", "cff-version", "date-released", "keywords",
                           "license", "message", "title", "type", "version"}  # fmt: skip


# --- requirements ---


def requirements():
    project = PROJECT["project"]
    yield from (("dependencies", one) for one in project["dependencies"])
    for extra, some in project["optional-dependencies"].items():
        yield from ((extra, one) for one in some)
    yield from (("build", one) for one in PROJECT["build-system"]["requires"])


def test_there_is_no_upper_bound_without_a_reason():
    """What is published bounds nothing from above; the tools that check the code are exact."""
    assert not re.search("[<,!~]", PROJECT["project"]["requires-python"])
    tools = {"ruff", "mypy"}
    for extra, one in requirements():
        name = re.match(r"[\w-]+", one)[0]
        if extra == "lint" or (extra == "dev" and name in tools):
            continue  # exact, for the reason beside them
        assert not re.search(r"<|==|~=|!=", one), f"{extra}: {one}"


def test_every_python_that_is_named_is_allowed():
    named = [
        tuple(map(int, found[1].split(".")))
        for one in PROJECT["project"]["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", one))
    ]
    least = re.fullmatch(r">=([\d.]+)", PROJECT["project"]["requires-python"])[1]
    least = tuple(map(int, least.split(".")))
    assert named[0] == least
    assert named == [(3, minor) for minor in range(least[1], named[-1][1] + 1)]
    assert sys.version_info[:2] >= least


# --- what has moved ---


def test_the_table_of_moves_is_read():
    assert len(MOVED) > 20


@pytest.mark.parametrize(("old", "new", "names"), MOVED)
def test_what_has_moved_is_where_the_migration_note_says(old, new, names):
    module = importlib.import_module(f"tinygrad_softmax.{new}")
    for name in re.findall(r"`(\w+)`", names):
        if name not in ("Primitive", "Scattered", "ir"):  # what they were called; a package
            assert hasattr(module, name), f"{new} has no {name}"
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"tinygrad_softmax.{old}")
