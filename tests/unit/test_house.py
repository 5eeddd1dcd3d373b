"""Where things are in footfall/, beyond what the contracts of import-linter say (pyproject.toml)."""

import ast

from footfall.cli import footfall
from footfall.settings import ROOT

HOUSE = ROOT / "footfall"


def test_only_what_all_packages_need_lies_beside_them() -> None:
    assert {path.stem for path in HOUSE.glob("*.py")} == {"__init__", "cli", "settings", "errors", "topic"}


def test_every_package_says_in_a_sentence_what_it_is_and_holds_no_code() -> None:
    found = list(HOUSE.rglob("__init__.py"))
    assert len(found) > 20
    for path in found:
        tree = ast.parse(path.read_text())
        assert (ast.get_docstring(tree) or "").endswith("."), path
        assert len(tree.body) == 1, path


def test_a_verb_is_found_in_the_module_of_its_name() -> None:
    for name, verb in footfall.commands.items():
        assert verb.callback
        assert verb.callback.__module__ == f"footfall.commands.{name.replace('-', '_')}"
