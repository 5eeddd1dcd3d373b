"""How rows are shown: a table that fits the terminal, CSV, or JSON lines."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from footfall.preview.rows import Change, Preview
from footfall.testing.cases import Row

LONGEST = (36, 24, 16)  # characters of a cell; as few as it takes to have room for all columns
WIDEST = 10_000
GAP = 2
STYLES = {"+I": "green", "+U": "green", "-U": "red", "-D": "red"}
CHANGE = "change"
NONE = (
    "No row waits for the end of a window: all windows close at the end of the events. So these events are not what is "
    "counted here, or came late, twice or broken: `footfall preview arrivals_per_minute` shows it"
)
NUMBERS = ("TINYINT", "SMALLINT", "INT", "BIGINT", "DECIMAL", "FLOAT", "DOUBLE")


def tables(preview: Preview, shown: Sequence[Row | Change], width: int) -> Iterator[Table | Text]:
    """The rows as a table, then a line about the columns that it has no room for or that say nothing."""
    rows = [_row(entry) for entry in shown]
    types = {CHANGE: "STRING", **preview.columns} if isinstance(shown[0], Change) else preview.columns
    empty = [name for name in types if len(rows) > 1 and all(row[name] is None for row in rows)]
    for longest in LONGEST:
        cells = {name: [cell(row[name], types[name], longest) for row in rows] for name in types if name not in empty}
        fitting = _fitting(cells, width)
        if len(fitting) == len(cells):
            break
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for name in fitting:
        right = types[name].startswith(NUMBERS)
        table.add_column(Text(name), no_wrap=True, overflow="ellipsis", justify="right" if right else "left")
    for number, entry in enumerate(shown):
        style = STYLES[entry.kind] if isinstance(entry, Change) else ""
        table.add_row(*(Text(cells[name][number], "dim" if rows[number][name] is None else style) for name in fitting))
    yield table
    if left := [name for name in cells if name not in fitting]:
        yield Text(f"no room for {', '.join(left)}: --csv and --json have all columns", "dim")
    if empty:
        yield Text(f"NULL in all of these rows: {', '.join(empty)}", "dim")


def json_lines(shown: Sequence[Row | Change]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(_row(entry)) + "\n" for entry in shown)


def csv_text(preview: Preview, shown: Sequence[Row | Change], changelog: bool) -> str:
    """CSV with a header; NULL is an empty field, and what has parts is JSON."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [*([CHANGE] if changelog else []), *preview.columns]
    writer.writerow(names)
    for entry in shown:
        row = _row(entry)
        writer.writerow([_field(row[name]) for name in names])
    return text.getvalue().encode("utf-8", "replace").decode()


def cell(value: Any, type_name: str, longest: int) -> str:
    """A value on one line; what a terminal would obey is escaped, bytes are as if they were text, long text is cut."""
    if value is None:
        return "NULL"
    if isinstance(value, str) and type_name.startswith(("BYTES", "BINARY", "VARBINARY")):
        value = base64.b64decode(value).decode("utf-8", "backslashreplace")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text[:1000])
    return text if len(text) <= longest or type_name.startswith(("TIME", "DATE")) else f"{text[: longest - 1]}…"


def _row(entry: Row | Change) -> Mapping[str, Any]:
    return {CHANGE: entry.kind, **entry.row} if isinstance(entry, Change) else entry


def _field(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value


def _fitting(cells: Mapping[str, Sequence[str]], width: int) -> list[str]:
    """The columns that fit beside each other whole, those in front first; at least one."""
    fitting: list[str] = []
    used = 0
    for name, texts in cells.items():
        needed = max(Text(text).cell_len for text in (name, *texts)) + GAP
        if not fitting or used + needed <= width + GAP:
            fitting.append(name)
            used += needed
    return fitting


def show(
    preview: Preview, out: Console, err: Console, *, limit: int, changelog: bool, form: str | None, title: str, of: str
) -> None:
    """Print the first rows, or the first changes, and how many there are; with a form, the data alone go to out."""
    entries: Sequence[Row | Change] = preview.changes if changelog else preview.rows
    shown = entries[: limit or None]
    said = out if form is None else err
    if title:
        said.print(f"{title}:", markup=False)
    if form == "json":
        out.file.write(json_lines(shown))
    elif form == "csv":
        out.file.write(csv_text(preview, shown, changelog))
    elif shown:
        # Into a file or a pipe goes the whole width
        console = out if out.is_terminal else Console(file=out.file, width=WIDEST, highlight=False)
        for part in tables(preview, shown, console.width):
            console.print(part, soft_wrap=isinstance(part, Text))
    said.print(f"{len(shown):,} of {len(entries):,} {'changes' if changelog else 'rows'}, made of {of}", markup=False)
    if not entries:
        said.print(NONE)
