"""What Flink refuses, in our words: the place, the piece of SQL that it is about, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from difflib import get_close_matches
from itertools import pairwise

from py4j.protocol import Py4JJavaError
from pyflink.util.exceptions import JavaException

from footfall.planner.harness import Suite
from footfall.validate.syntax import item_lines, mentioned
from jobs.run_sql import JAVA_CAUSE, explain
from jobs.sql_script import Fault, ScriptError, Statement, significant

# Calcite's places: lines and columns from 1, the last one included.
SPAN = re.compile(r"(?:From|At|at) line (\d+), column (\d+)(?: to line (\d+), column (\d+))?")
LONGEST_PIECE, LONGEST_MESSAGE = 80, 300
TYPES = {
    "STRING", "BOOLEAN", "INT", "BIGINT", "SMALLINT", "FLOAT", "DOUBLE", "DECIMAL", "DATE", "TIMESTAMP",
    "TIMESTAMP_LTZ", "BYTES", "ROW", "ARRAY",
}  # fmt: skip
EXPECTED = re.compile(r'^\s+(?:"(.+?)"|(<\w+>))', re.MULTILINE)


def faults_in_words(error: ScriptError, statement: Statement, suite: Suite | None) -> list[Fault]:
    """The faults of a statement; suite is what it was planned in and knows the names that may be meant."""
    if isinstance(error.__cause__, Py4JJavaError | JavaException):
        return [_Refusal(error.__cause__, statement, suite).fault()]
    return error.faults


class _Refusal:
    """One error of Flink about one statement, with the piece of the statement that Flink names."""

    def __init__(self, error: Exception, statement: Statement, suite: Suite | None) -> None:
        self.statement, self.suite = statement, suite
        self.message, line = explain(error)
        self.line = max(line, 1)
        texts = [text for _, text in JAVA_CAUSE.findall(str(error)) if text]
        self.expected = [word or kind for word, kind in EXPECTED.findall(texts[-1].partition("Was expecting")[2])]
        spans = [span for text in texts for span in SPAN.findall(text)]
        self.piece = self._cut(*(int(number or 0) for number in spans[-1])) if spans else ""

    def fault(self) -> Fault:
        """The fault in one sentence, by the first rule that knows it."""
        for pattern, say in RULES.items():
            if match := re.search(pattern, self.message):
                message = say(self, *match.groups())
                break
        else:
            message = _types(self.message) + (f" in `{self.piece}`" if self.piece else "")
            message = message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + "…"
        return Fault(self.statement.path, self.statement.line + self.line - 1, message)

    def syntax(self, found: str) -> str:
        if found == "<EOF>":
            return "found the end of the statement: write what is missing before it"
        if "<IDENTIFIER>" in self.expected and re.fullmatch(r"\w+", found):
            return f"found {found}, a word of SQL, as a name: write `{found}` in backquotes"
        meant = get_close_matches(found.upper(), [word for word in self.expected if len(word) > 1], n=1)
        if meant:
            return f"found {found}: did you mean {meant[0]}?"
        if len(self.expected) == 1:
            return f"found {found}: write {self.expected[0]} before it"
        comma = ": write a comma before it, or take it away" if "," in self.expected else ": take it away"
        return f"found {found}, which doesn't belong here{comma}"

    def column(self, name: str) -> str:
        found = f"{name}{self._around(name)}"
        if self.statement.kind == "CREATE TABLE":
            return f"found no column or type {found}" + _meant(name, TYPES | self._columns(), "one that there is")
        return f"found no column {found}" + _meant(
            name.rpartition(".")[2], self._columns(), "a column of what it selects from"
        )

    def ambiguous(self, name: str) -> str:
        return f"found {name}, which several tables have{self._around(name)}: write it as TABLE.{name}"

    def table(self, name: str) -> str:
        name = name.replace("`", "").rpartition("default_database.")[2]
        if not self.piece:
            self._go_to(name)
        return f"found no table or view {name}" + _meant(name, self._tables(), "one of sql/tables or sql/views")

    def function(self, name: str, arguments: str) -> str:
        known = self.suite.environment.list_functions() if self.suite else []
        if name.lower() in [function.lower() for function in known]:
            return f"found {_types(arguments)} in `{self.piece}`: {name} takes other arguments"
        by_upper = {function.upper() for function in known}
        return f"found no function {name}" + _meant(name.upper(), by_upper, "one of Flink's or of sql/functions.sql")

    def arguments(self, _operator: str, found: str, forms: str) -> str:
        names = re.sub(r"' '", " or ", forms.strip("'"))
        return f"found {_types(found)} in `{self.piece}`: write {_types(names)}"

    def argument_count(self, name: str, count: str) -> str:
        return f"found `{self.piece}`: {name} takes {count} arguments"

    def not_grouped(self, name: str) -> str:
        return f"found {name}, which is not grouped: write it in GROUP BY too, or MAX({name})"

    def mixed_types(self) -> str:
        return f"found different types in `{self.piece}`: write CASTs that make them one"

    def window_time(self, window: str, found: str) -> str:
        self._go_to("DESCRIPTOR")
        return f"found a time of {_types(found)} for {window}: write a column with a watermark, such as event_time"

    def sink_type(self, name: str, position: str, query: str, sink: str) -> str:
        place = int(position) - 1
        lines = item_lines(self.statement)
        if place < len(lines):
            self.line = lines[place] - self.statement.line + 1
        found, wanted = (_types(_schema(text)[place]).removesuffix(" NOT NULL") for text in (query, sink))
        return f"found {found} for {name}, which is {wanted}: write CAST(… AS {wanted}) AS {name}"

    def _cut(self, line: int, column: int, last_line: int, last_column: int) -> str:
        """The piece of the statement between two places, on one line; a word where only one place is known."""
        lines = self.statement.text.splitlines(keepends=True)
        if line > len(lines):
            return ""
        start = sum(map(len, lines[: line - 1])) + column - 1
        if last_line:
            piece = self.statement.text[start : sum(map(len, lines[: last_line - 1])) + last_column]
        else:
            piece = next((t.text for t in significant(self.statement.text) if t.start <= start < t.end), "")
        piece = " ".join(piece.split())
        return piece if len(piece) <= LONGEST_PIECE else piece[:LONGEST_PIECE] + "…"

    def _around(self, name: str) -> str:
        """Where a name is found: the piece that Flink names, or its line where that is the bare name."""
        piece = self.piece
        if piece == name:
            piece = " ".join(self.statement.text.splitlines()[self.line - 1].split()).rstrip(",")
        return f" in `{piece}`" if piece and piece != name and len(piece) <= LONGEST_PIECE else ""

    def _go_to(self, name: str) -> None:
        for token in significant(self.statement.text):
            if name in (token.identifier, token.word):
                self.line = self.statement.line_at(token.start) - self.statement.line + 1
                return

    def _tables(self) -> list[str]:
        return self.suite.environment.list_tables() if self.suite else []

    def _columns(self) -> set[str]:
        """The columns of all that the statement names, and the names that it gives itself."""
        found = significant(self.statement.text)
        columns = {after.identifier for before, after in pairwise(found) if before.word == "AS"} - {""}
        for name in mentioned(self.statement) & set(self._tables()):
            try:
                schema = self.suite.environment.from_path(name).get_schema() if self.suite else None
            except (Py4JJavaError, JavaException):
                continue
            columns |= set(schema.get_field_names() if schema else ())
        return columns


RULES: dict[str, Callable[..., str]] = {
    r'^found "(.*)", which Flink does not expect here': _Refusal.syntax,
    r"Column '(.+?)' is ambiguous": _Refusal.ambiguous,
    r"(?:Column|Unknown identifier|Unknown target column) '(.+?)'": _Refusal.column,
    r"(?:Object|Table) '(.+?)' not found": _Refusal.table,
    r"(?:Cannot find|Source) table '(.+?)'": _Refusal.table,
    r"No match found for function signature ([\w$]+)\((.*)\)": _Refusal.function,
    r"Cannot apply '(.+?)' to arguments of type '(.+?)'\. Supported form\(s\): (.+)": _Refusal.arguments,
    r"Invalid number of arguments to function '(.+?)'\. Was expecting (.+?) arguments": _Refusal.argument_count,
    r"Expression '(.+?)' is not being grouped": _Refusal.not_grouped,
    r"Illegal mixing of types in CASE or COALESCE": _Refusal.mixed_types,
    r"The window function (\w+)\(.*requires the timecol to be .*, but is (\w+(?:\(\d+\))?)": _Refusal.window_time,
    r"sink column '(.+?)' at position (\d+)\. Query schema: \[(.*)\] Sink schema: \[(.*)\]": _Refusal.sink_type,
}


def _meant(name: str, known: Collection[str], otherwise: str) -> str:
    close = get_close_matches(name, sorted(known), n=1)
    return f": did you mean {close[0]}?" if close else f": write {otherwise}"


def _types(text: str) -> str:
    """Types as they are written in SQL."""
    text = re.sub(r"RECORDTYPE\(.*\)(?= \w+>|>)", "TABLE", text)
    text = re.sub(r"VARCHAR\(2147483647\)", "STRING", re.sub(r" ?\*(?:ROWTIME|PROCTIME)\*", "", text))
    return re.sub(r"<(\w+(?:\([\d, ]+\))?(?: \w+)*)>", r"\1", text)


def _schema(text: str) -> list[str]:
    """The types of `a: STRING, b: DECIMAL(10, 2)`, in order."""
    return [part.partition(": ")[2] for part in re.split(r", (?=[^\s:()<>]+: )", text)]
