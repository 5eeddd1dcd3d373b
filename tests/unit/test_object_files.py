"""One object a file, which is named after it; and nothing is written twice."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import sqlglot
from sqlglot import TokenType

from footfall.database.migrate import MIGRATIONS, POSTGRES
from footfall.database.object_files import FOLDERS, migration_faults, object_faults, read_objects
from footfall.project.catalog import made_in_postgres, words_below

LONG = 6  # lines
NAMES = (TokenType.VAR, TokenType.STRING, TokenType.NUMBER)


def test_every_file_is_what_its_name_says() -> None:
    objects = read_objects(POSTGRES)
    assert object_faults(objects) == migration_faults(MIGRATIONS) == []
    assert {it.kind for it in objects} == set(FOLDERS)
    assert all(it.about and it.about[0] != "-" for it in objects)


def test_a_file_is_not_what_its_name_says(tmp_path: Path) -> None:
    for folder in FOLDERS.values():
        (tmp_path / folder).mkdir()
    for name, text, message in (
        ("functions/a.sql", "CREATE OR REPLACE FUNCTION a() RETURNS int LANGUAGE sql AS 'SELECT 1';",
         "1: opens otherwise: write `-- a: what it is`"),
        ("functions/a.sql", "-- a: x\nSELECT 1;", "makes nothing: write one CREATE OR REPLACE FUNCTION, a, here"),
        ("views/a.sql", "-- a: x\n\nCREATE OR REPLACE VIEW b AS\nSELECT 1;",
         "3: found view b: write one CREATE OR REPLACE VIEW, a, here"),
        ("views/a.sql", "-- a: x\nCREATE OR REPLACE VIEW a AS\nSELECT * FROM b;",
         "2: found SELECT *: name the columns"),
        ("views/a.sql", "-- a: x\nCREATE OR REPLACE VIEW a AS\nSELECT FROM WHERE;", "2: can't be read: "),
        ("views/a.sql", "-- a: x\nCREATE OR REPLACE VIEW a AS\nSELECT 1 AS b;\nCOMMENT ON VIEW a IS 'y';",
         "4: found a COMMENT in other words"),
        ("triggers/t.a.sql", "-- t.a: x\nCREATE OR REPLACE TRIGGER a AFTER INSERT ON u\nEXECUTE FUNCTION f();",
         "2: found trigger u.a: write one"),
    ):  # fmt: skip
        (tmp_path / name).write_text(text)
        [fault] = object_faults(read_objects(tmp_path))
        assert message in str(fault)
        (tmp_path / name).unlink()


def test_a_function_in_a_migration_is_sent_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "0045_x.sql").write_text(
        "-- migrate:up\nCREATE TABLE t (a int);\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;\n"
        "-- migrate:down\nCREATE VIEW v AS SELECT 1;\n"
    )
    [fault] = migration_faults(tmp_path)
    assert (fault.line, fault.message) == (
        3, "found CREATE FUNCTION: write it into a file of its own, in sql/postgres/functions",
    )  # fmt: skip


def test_what_an_object_is_made_of_follows_from_its_definition_and_not_from_its_comments() -> None:
    made = made_in_postgres()
    assert "visit_events" in made["goal_events"] and "sessions" in made["visits"]
    assert "sessions" not in made["zone_of"]
    assert "traffic_refresh_queue" not in made  # it says when traffic is recomputed, not of what
    assert {"sessions", "visit_events"} <= words_below(["traffic_for"], made)  # by traffic, which refresh_traffic fills


def repeated(texts: dict[str, str]) -> list[str]:
    """The first lines, and the places, of statements and runs of LONG lines that stand more than once.

    Comments and white space do not count, nor lines of key words alone, such as those that end a function.
    """
    places = defaultdict(list)
    for name, text in texts.items():
        lines = [" ".join(re.sub("--.*", "", line).split()) for line in text.splitlines()]
        telling = [(number, line) for number, line in enumerate(lines, 1) if re.search("[a-z]", line)]
        for start in range(len(telling) - LONG + 1):
            run = telling[start : start + LONG]
            places[tuple(line for _, line in run)].append(f"{name}:{run[0][0]}")
    return [f"{', '.join(found)}: {run[0]}" for run, found in places.items() if len(found) > 1]


def test_no_statement_of_six_lines_stands_twice() -> None:
    texts = {str(path.relative_to(POSTGRES)): path.read_text() for path in sorted(POSTGRES.rglob("*.sql"))}
    assert len(texts) > 180
    assert repeated(texts) == []
    copied = texts["functions/funnel_report.sql"]
    assert len(repeated({**texts, "copy.sql": "\n".join(copied.splitlines()[12:22])})) == 3


def statements(text: str) -> Iterator[tuple[int, str]]:
    """Of each statement, and of each in the body of a function: how many lines it has, and its words without names.

    The same word is the same number in it, so that a statement with other names is the same one.
    """
    found: list[sqlglot.tokens.Token] = []
    for token in [*sqlglot.tokenize(text, dialect="postgres"), None]:
        if token is not None and token.token_type != TokenType.SEMICOLON:
            found.append(token)
            # Of DO and EXECUTE, the tokenizer reads the rest as one text.
            is_body = token.token_type == TokenType.HEREDOC_STRING and "\n" in token.text
            if is_body or "$$" in token.text:
                yield from statements(token.text)
        elif found:
            numbers: dict[str, str] = {}
            words = [
                numbers.setdefault(one.text.lower(), str(len(numbers)))
                if one.token_type in NAMES and "\n" not in one.text
                else " ".join(one.text.upper().split())
                for one in found
            ]
            yield found[-1].line - found[0].line + 1, " ".join(words)
            found = []


def test_no_statement_stands_twice_with_other_names() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(POSTGRES.rglob("*.sql")):
        for lines, words in statements(path.read_text()):
            if lines >= LONG and not words.startswith("CREATE TABLE"):
                found[words].append(f"{path.relative_to(POSTGRES)} ({lines} lines)")
    assert len(found) > 100
    assert [places for places in found.values() if len(places) > 1] == []


def test_a_statement_with_other_names_is_the_same_one() -> None:
    first, second, other, function = (
        [words for _, words in statements(text)]
        for text in (
            "SELECT a.x, 1 FROM a;\n",
            "-- Another table\nSELECT b.y,\n  2 FROM b; ",
            "SELECT a.x, 1 FROM b;",
            "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS $$\n  SELECT c.z, 3 FROM c\n$$;",
        )
    )
    assert first == second != other
    assert first[0] in function
