"""Flink SQL scripts: split into statements, fill in ${NAME}, put in order. Standard library only.

The lexical rules are those of Flink 2.3's own parser (Calcite's Parser.jj): '…' strings with '' for a quote, E'…'
strings with backslashes, `…` names with `` for a backquote, comments from -- or // to the end of the line and between
/* and */, hints between /*+ and */. Mistakes are raised as a ScriptError that holds every fault found.
"""

from __future__ import annotations

import difflib
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

TOKEN = re.compile(
    r"""(?P<comment>  (?:--|//)[^\n]* | /\*(?!\+).*?\*/ )
      | (?P<hint>     /\*\+ (?: '(?:[^']|'')*+' | \*(?!/) | [^'*] )*+ \*/ )
      | (?P<string>   '(?:[^']|'')*+' | (?<!\w)[eE]'(?:[^'\\]|\\.|'')*+' )
      | (?P<quoted>   `(?:[^`\n]|``)++` )
      | (?P<double>   "[^"\n]*"? )
      | (?P<unclosed> `[^\n]* | '.* | /\*.* )
      | (?P<word>     \w+ )
      | (?P<symbol>   \S )""",
    re.VERBOSE | re.DOTALL,
)
ENV_LINE = re.compile(
    r"""\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=[ \t]*(?:'([^']*)'|"([^"]*)"|([^'"\s#].*?|))(?:\s+\#.*|\s*)"""
)
UNCLOSED = {
    "'": "a string is opened here and never closed: close it with ', and write '' for a quote inside it",
    "`": "a name is opened here and not closed on its line: close it with `, and write `` for a backquote inside it",
    "/": "a comment is opened here and never closed: write */ at its end",
}
VARIABLE = re.compile(r"\$\{(?:([A-Za-z_][A-Za-z0-9_]*)\})?")
MODIFIERS = {"TEMPORARY", "SYSTEM", "OR", "REPLACE", "IF", "NOT", "EXISTS"}
SET_BLOCK = ["BEGIN", "STATEMENT", "SET", ";"]
OBJECT_VERBS = {"CREATE", "ALTER", "DROP"}


class Fault(NamedTuple):
    """One mistake in a file. Line 0 stands for the file as a whole."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.message}"


class ScriptError(Exception):
    """Mistakes of the user, all that were found; its text is one line `path:line: message` a fault."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(map(str, self.faults)))


class Token(NamedTuple):
    """A piece of SQL; kind is one of comment, hint, string, quoted, double, unclosed, word, symbol."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def word(self) -> str:
        """The keyword in upper case, '' for what is no bare word."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def identifier(self) -> str:
        """The name that a bare or backquoted word stands for, '' for anything else."""
        if self.kind == "quoted":
            return self.text[1:-1].replace("``", "`")
        return self.text if self.kind == "word" else ""


@dataclass(frozen=True)
class Statement:
    """One SQL statement: text without its `;` and outer comments; line is that of its first token, counted from 1."""

    text: str
    path: str
    line: int

    @cached_property
    def kind(self) -> str:
        """Its leading keywords: CREATE TABLE, INSERT, EXECUTE STATEMENT SET, SET, …; modifiers are skipped."""
        words = [token.word for token in significant(self.text)[:12]]
        if words[0] in OBJECT_VERBS:
            rest = [word for word in words[1:] if word not in MODIFIERS]
            return " ".join([words[0], *rest[: 2 if rest[:1] == ["MATERIALIZED"] else 1]])
        if words[1:3] == ["STATEMENT", "SET"]:
            return f"{words[0]} STATEMENT SET"
        return words[0]

    @property
    def temporary(self) -> bool:
        """Whether it is a CREATE TEMPORARY …"""
        words = [token.word for token in significant(self.text)[:4]]
        return words[0] == "CREATE" and "TEMPORARY" in words

    @cached_property
    def name(self) -> str | None:
        """The name that a CREATE gives, unquoted, with its dots; None for other statements."""
        kind = self.kind.split()
        if kind[:1] != ["CREATE"]:
            return None
        found = significant(self.text)[1:]
        while found and (found[0].word in MODIFIERS or found[0].word in kind):
            found = found[1:]
        parts = [token.identifier for token in found[:1]]
        for dot, part in zip(found[1::2], found[2::2], strict=False):
            if dot.text != ".":
                break
            parts.append(part.identifier)
        return ".".join(parts) or None

    @property
    def set_option(self) -> tuple[str, str] | None:
        """(key, value) of `SET 'key' = 'value'`, None for anything else."""
        found = significant(self.text)
        shape = [token.word or token.text if token.kind != "string" else "string" for token in found]
        if shape != ["SET", "string", "=", "string"]:
            return None
        return _unquote(found[1].text), _unquote(found[3].text)

    def place(self, line: int) -> tuple[str, int]:
        """(file, line in it) of a line of the text, counted from 1."""
        return self.path, self.line + line - 1

    def line_at(self, position: int) -> int:
        """The line in the file of a position in the text."""
        return self.line + self.text.count("\n", 0, position)


def tokens(text: str) -> Iterator[Token]:
    """All of a text but its white space."""
    for match in TOKEN.finditer(text):
        yield Token(match.lastgroup or "", match.group(), match.start())


def significant(text: str) -> list[Token]:
    """The tokens of a text that are no comments; hints count."""
    return [token for token in tokens(text) if token.kind != "comment"]


def read_script(path: Path | str) -> list[Statement]:
    """The statements of a file. Raises ScriptError for one that can't be read or split."""
    return parse(read_text(path), path)


def parse(text: str, path: Path | str) -> list[Statement]:
    """Split a script at the `;` that end statements; a statement set is one statement, whichever way it is written.

    `BEGIN STATEMENT SET; … END` comes out as `EXECUTE STATEMENT SET BEGIN … END`, the form that execute_sql takes, on
    the same lines. Raises ScriptError with all faults of the text.
    """
    statements: list[Statement] = []
    faults: list[Fault] = []
    current: list[Token] = []
    long_string: Token | None = None
    set_start: Token | None = None
    cases = 0
    ended_set = False

    def fault(token: Token, message: str) -> None:
        faults.append(Fault(str(path), _line(text, token.start), message))

    def end_statement() -> None:
        if current:
            statements.append(_statement(text, current, path))
            current.clear()

    for token in significant(text):
        if token.kind == "unclosed":
            message = UNCLOSED[token.text[0]]
            if token.text[0] == "'" and long_string:
                message += f" (the string of line {_line(text, long_string.start)} runs over several lines: look there)"
            fault(token, message)
        elif token.kind == "double":
            fault(token, "found \": Flink SQL has no double quotes; write '…' for text and `…` for a name")
        elif token.kind == "string" and "\n" in token.text:
            long_string = token
        opens = [t.word or t.text for t in [*current[-3:], token]]
        if ended_set and token.text != ";":
            fault(token, f"found {token.text.splitlines()[0]} after the END of a statement set: write END;")
            end_statement()
        elif token.text == ";" and set_start is None and (opens != SET_BLOCK or len(current) > 3):
            end_statement()
            ended_set = False
            continue
        ended_set = False
        current.append(token)
        if set_start is None:
            if opens[-3:] == ["STATEMENT", "SET", "BEGIN"] or opens == SET_BLOCK:
                set_start, cases = current[0], 0
        elif token.word == "CASE":
            cases += 1
        elif token.word == "END" and cases:
            cases -= 1
        elif token.word == "END":
            set_start, ended_set = None, True
    if set_start and not any(token.kind == "unclosed" for token in current):
        fault(set_start, "a statement set is opened here and never closed: write END; after its last INSERT")
    end_statement()
    if faults:
        raise ScriptError(faults)
    return statements


def substitute(statements: Iterable[Statement], values: Mapping[str, str]) -> list[Statement]:
    """Put values in the place of ${NAME} in the quoted option values of CREATE TABLE … WITH (…); a ' is doubled.

    Comments are left alone. Raises ScriptError for ${…} anywhere else and for names without a value; no value is ever
    part of a message.
    """
    faults: list[Fault] = []
    filled = []
    for statement in statements:
        found = list(tokens(statement.text))
        starts = [token.start for token in found]
        options = _option_values(statement, found)
        pieces, done = [], 0
        for match in VARIABLE.finditer(statement.text):
            token = found[bisect_right(starts, match.start()) - 1]
            if token.kind == "comment":
                continue
            if message := _variable_fault(match[1], token in options, values):
                faults.append(Fault(statement.path, statement.line_at(match.start()), message))
                continue
            pieces += [statement.text[done : match.start()], values[match[1]].replace("'", "''")]
            done = match.end()
        filled.append(replace(statement, text="".join(pieces) + statement.text[done:]))
    if faults:
        raise ScriptError(faults)
    return filled


def read_env(path: Path | str, environ: Mapping[str, str], earlier: Mapping[str, str] | None = None) -> dict[str, str]:
    """The names and values of a dotenv file, added to those of earlier files; what environ also names has its value.

    Lines are NAME=VALUE, as Docker Compose reads them: # opens a comment at the start of a line or after a space, '…'
    is taken as it is, "…" and bare values may use the ${NAME} of a line before, an earlier file or environ. Raises
    ScriptError with all faults of the file, without any value.
    """
    values = dict(earlier or {})
    faults = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = ENV_LINE.fullmatch(line)
        if match is None:
            faults.append(Fault(str(path), number, "is no NAME=VALUE: write one, or # before a comment"))
            continue
        name, literal, quoted, bare = match.groups()
        value = quoted if quoted is not None else bare or ""
        known = {**values, **environ}
        messages = [_variable_fault(variable[1], True, known) for variable in VARIABLE.finditer(value)]
        faults += [Fault(str(path), number, message) for message in messages if message]
        if not any(messages):
            value = VARIABLE.sub(lambda variable, known=known: known[variable[1]], value)
        values[name] = environ.get(name, value if literal is None else literal)
    if faults:
        raise ScriptError(faults)
    return values


def close_match(name: str, known: Collection[str]) -> str:
    """`; did you mean …?` where a known name is close, else ''."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def read_text(path: Path | str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ScriptError([Fault(str(path), 0, f"can't be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise ScriptError([Fault(str(path), 0, "is not UTF-8 text: save it as UTF-8")]) from error


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _unquote(string: str) -> str:
    return string[1:-1].replace("''", "'")


def _statement(text: str, found: list[Token], path: Path | str) -> Statement:
    start, end = found[0].start, found[-1].end
    body = text[start:end]
    if [token.word or token.text for token in found[:4]] == SET_BLOCK:
        cut = found[3].end
        body = "EXECUTE STATEMENT SET BEGIN" + "\n" * text.count("\n", start, cut) + text[cut:end]
    return Statement(body, str(path), _line(text, start))


def _option_values(statement: Statement, found: list[Token]) -> set[Token]:
    """The strings after a `=` in the WITH (…) of a CREATE TABLE."""
    found = [token for token in found if token.kind != "comment"]
    values: set[Token] = set()
    depth, inside = 0, False
    for before, token in pairwise([Token("symbol", "", 0), *found]):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "(" and depth == 1:
            inside = before.word == "WITH" and statement.kind == "CREATE TABLE"
        elif inside and depth == 1 and token.kind == "string" and before.text == "=":
            values.add(token)
    return values


def _variable_fault(name: str | None, in_option: bool, values: Mapping[str, str]) -> str:
    if not in_option:
        written = f"${{{name}}}" if name else "${"
        return f"found {written}: ${{…}} belongs in quoted option values of sql/tables/*.sql, 'option' = '${{NAME}}'"
    if name is None:
        return "found ${ without a name and } after it: write ${NAME}, of letters, digits and _"
    if name not in values:
        message = f"${{{name}}} has no value: set {name} in flink-conf/local.env or the environment"
        return message + close_match(name, values.keys())
    return ""
