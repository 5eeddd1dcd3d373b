"""Whether the Python functions that sql/functions.sql names are there. Reads their modules and runs none.

Those in Java are in a jar: whether they are there, Flink says of what calls them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from jobs.sql_script import Fault, Statement, close_match, significant


def module_faults(udfs_dir: Path) -> list[Fault]:
    """Modules of udfs/ that Python can't parse."""
    faults = []
    for path in sorted(udfs_dir.rglob("*.py")):
        try:
            ast.parse(path.read_bytes(), path.name)
        except SyntaxError as error:
            text = " ".join((error.text or "").split())
            found = f"found `{text}`" if text else "is no Python"
            faults.append(Fault(str(path), error.lineno or 0, f"{found}: {error.msg}"))
        except ValueError as error:
            faults.append(Fault(str(path), 0, f"is no Python: {error}"))
    return faults


def function_faults(functions: Iterable[Statement], udfs_dir: Path) -> Iterator[tuple[Statement, Fault]]:
    """CREATE FUNCTIONs of Python whose module or function there is not; the module must be one that can be parsed."""
    for statement in functions:
        found = significant(statement.text)
        words = [token.word for token in found]
        named = [after for before, after in pairwise(found) if before.word == "AS" and after.kind == "string"]
        if named and words[-2:] == ["LANGUAGE", "PYTHON"] and (message := _fault(named[0].text[1:-1], udfs_dir)):
            yield statement, Fault(statement.path, statement.line_at(named[0].start), message)


def _fault(name: str, udfs_dir: Path) -> str:
    package, *modules, function = name.split(".")
    if package != udfs_dir.name or not modules:
        return f"found '{name}': write '{udfs_dir.name}.module.function'"
    path = udfs_dir.joinpath(*modules).with_suffix(".py")
    if not path.exists():
        there = {module.stem for module in udfs_dir.glob("*.py")} - {"__init__"}
        return f"found no module {path}{close_match(modules[-1], there)}: write one, or the name of another"
    defined = set(_defined(ast.parse(path.read_bytes())))
    if function not in defined:
        return f"found no function {function} in {path}{close_match(function, defined)}: write it there"
    return ""


def _defined(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
