"""What is wrong in the text of a statement, whatever Flink makes of it; and where its parts are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from jobs.sql_script import Fault, Statement, Token, significant

# What is another value in every run, although the log is the same.
CLOCKS = {
    "PROCTIME", "NOW", "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_ROW_TIMESTAMP", "LOCALTIME",
    "LOCALTIMESTAMP", "UNIX_TIMESTAMP", "CURRENT_WATERMARK",
}  # fmt: skip
DICE = {"RAND", "RAND_INTEGER", "UUID"}
BARE = {"CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "LOCALTIME", "LOCALTIMESTAMP"}
WINDOWS = {"TUMBLE", "HOP", "CUMULATE", "SESSION"}
KEEP_FIRST = ["ROW_NUMBER", "(", ")", "OVER", "("]


def inserts(statement: Statement) -> list[Statement]:
    """The INSERTs of a job's last statement: itself, or those between the BEGIN and the END of a statement set."""
    if statement.kind != "EXECUTE STATEMENT SET":
        return [statement]
    pieces: list[list[Token]] = [[]]
    for token in significant(statement.text)[4:]:
        if token.text == ";":
            pieces.append([])
        else:
            pieces[-1].append(token)
    if pieces[-1] and pieces[-1][-1].word == "END":
        pieces[-1].pop()
    return [
        Statement(statement.text[piece[0].start : piece[-1].end], statement.path, statement.line_at(piece[0].start))
        for piece in pieces
        if piece
    ]


def clock_faults(statement: Statement, *, keep_first: bool = False) -> Iterator[Fault]:
    """Functions that are no function of the log; with keep_first, the order of a ROW_NUMBER may be PROCTIME()."""
    found = [Token("", "", 0), *significant(statement.text), Token("", "", 0), Token("", "", 0)]
    for place in range(1, len(found) - 2):
        name = found[place].word
        called, empty = found[place + 1].text == "(", found[place + 2].text == ")"
        if name not in CLOCKS | DICE or found[place - 1].text == "." or found[place - 1].word == "AS":
            continue
        if (not called and name not in BARE) or (name == "UNIX_TIMESTAMP" and not empty):
            continue
        if keep_first and name == "PROCTIME" and _orders_row_number(found[:place]):
            continue
        instead = "a hash of columns, such as MD5(message_id)" if name in DICE else "event_time or received_at"
        written = f"{name}()" if called else name
        yield _fault(statement, found[place], f"found {written}, which differs in every run: write {instead}")


def star_fault(insert: Statement) -> Fault | None:
    """A `*` in the outermost SELECT of an INSERT."""
    for item in _outer_items(insert, every=True):
        if item[-1].text == "*" and (len(item) == 1 or item[-2].text == "."):
            message = "found SELECT * into a table: write its columns, in their order, each by name"
            return _fault(insert, item[-1], message)
    return None


def conflict_fault(insert: Statement) -> Fault | None:
    """An INSERT without ON CONFLICT DO DEDUPLICATE."""
    found = significant(insert.text)
    for place, (token, following) in enumerate(pairwise(found)):
        if (token.word, following.word) == ("ON", "CONFLICT"):
            action = " ".join(after.word for after in found[place + 2 : place + 4])
            if action == "DO DEDUPLICATE":
                return None
            return _fault(insert, token, f"found ON CONFLICT {action}: write ON CONFLICT DO DEDUPLICATE")
    return Fault(insert.path, insert.line, "found no ON CONFLICT: write ON CONFLICT DO DEDUPLICATE at its end")


def item_lines(insert: Statement) -> list[int]:
    """The line of each column of the outermost SELECT, the first one where several are joined by UNION."""
    return [insert.line_at(item[0].start) for item in _outer_items(insert)]


def grouping_line(statements: Iterable[Statement], columns: Sequence[str], *, window: bool) -> int:
    """The line of the GROUP BY that has these columns; with window, that of one over a window. 0 where none has."""
    best = (0, 0)
    for statement in statements:
        over_window = False
        found = significant(statement.text)
        for place, token in enumerate(found):
            over_window |= token.word in WINDOWS
            if token.word == "GROUP" and (over_window or not window):
                names = {after.identifier for after in found[place + 2 : place + 2 + 4 * len(columns) + 8]}
                score = 1 + len(names & set(columns))
                if score > best[0]:
                    best = (score, statement.line_at(token.start))
    return best[1]


def mentioned(statement: Statement) -> set[str]:
    """Every name that the statement may mean a table, a view or a function by; more rather than less."""
    found = significant(statement.text)
    is_table = statement.kind == "CREATE TABLE"
    names = set()
    for before, token, after in zip([Token("", "", 0), *found], found, [*found[1:], Token("", "", 0)], strict=False):
        if token.identifier and (before.word == "LIKE" or after.text == "(" or not is_table):
            names.add(token.identifier)
    return names - {statement.name or ""}


def _orders_row_number(before: Sequence[Token]) -> bool:
    """Whether what stands before a PROCTIME() is ROW_NUMBER() OVER (… ORDER BY."""
    if [token.word for token in before[-2:]] != ["ORDER", "BY"]:
        return False
    depth = 0
    for place in range(len(before) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(before[place].text, 0)
        if depth < 0:
            return [token.word or token.text for token in before[place - 4 : place + 1]] == KEEP_FIRST
    return False


def _outer_items(insert: Statement, *, every: bool = False) -> list[list[Token]]:
    """The tokens of each item of the outermost SELECT; with every, also of those that a UNION adds."""
    items: list[list[Token]] = []
    depth, inside = 0, False
    for token in significant(insert.text):
        depth += {"(": 1, "[": 1}.get(token.text, 0)
        if depth == 0 and token.word == "SELECT" and (every or not items):
            inside = True
            items.append([])
        elif depth == 0 and inside and token.word in ("FROM", "UNION", "ON"):
            inside = False
        elif depth == 0 and inside and token.text == ",":
            items.append([])
        elif inside and not (not items[-1] and token.word in ("DISTINCT", "ALL")):
            items[-1].append(token)
        depth -= {")": 1, "]": 1}.get(token.text, 0)
    return [item for item in items if item]


def _fault(statement: Statement, token: Token, message: str) -> Fault:
    return Fault(statement.path, statement.line_at(token.start), message)
