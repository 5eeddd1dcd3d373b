"""What a job keeps from one event to the next, and its plan, in words that an analyst knows."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from rich.tree import Tree

from footfall.planner.jvm import quick_jvm
from footfall.planner.plan_text import computed, described, length, listed, named, plain, split, window
from footfall.planner.visits_operator import bounds, partitioned_by, takes_visits_as_they_come
from footfall.project.catalog import SQL, AnyValue
from footfall.settings import CONFIG
from jobs.sql_suite import read_job, read_suite

if TYPE_CHECKING:
    from footfall.planner.job_plan import JobPlan, Operator

TTL = "table.exec.state.ttl"
KEYS = ("key", "partitionBy", "groupBy", "partitionKeys")
# To the worker that has the key, and sums before the rows travel there
STEPS = ("exchange", "local-window-aggregate")
# A state by its name in Flink: what it is, and what its time counts from.
STATES = {
    "deduplicateState": ("the newest row", "its last change"),
    "groupAggregateState": ("running totals", "their last change"),
    "rankState": ("the top rows", "their last change"),
    "leftState": ("rows of the left side of a join", "their last change"),
    "rightState": ("rows of the right side of a join", "their last change"),
    "changelogNormalizeState": ("the newest row", "its last change"),
    "sinkMaterializeState": ("the rows of the table", "their last change"),
}


@dataclass(frozen=True)
class Kept:
    """One thing that a job keeps: what, for each value of which columns, how long."""

    what: str
    by: tuple[str, ...]
    how_long: str

    def __str__(self) -> str:
        by = f", by {listed(list(self.by))}" if self.by else ""
        return f"{self.what}{by}: {self.how_long}"


@dataclass(frozen=True)
class Planned:
    """A job's plan and the Flink options with which it was planned."""

    plan: JobPlan
    options: Mapping[str, str]


def plan_job(name: str, sql_dir: Path = SQL, config: Path = CONFIG) -> Planned:
    """Plan a job as the cluster would; takes some seconds and a JVM. Raises ScriptError with what Flink refuses."""
    quick_jvm()
    from footfall.planner.harness import Suite, job_options, production_options
    from footfall.planner.job_plan import compile_job

    statements = read_job(sql_dir, name)
    options = {**production_options(config), **job_options(statements)}
    with tempfile.TemporaryDirectory(prefix="footfall-show-") as folder:
        suite = Suite(read_suite(sql_dir, AnyValue()), options, Path(folder))
        for statement in statements:
            if statement.kind.startswith("CREATE"):
                suite.execute(statement)
        return Planned(compile_job(suite, statements[-1]), options)


def state(planned: Planned) -> list[Kept]:
    """What the job keeps, each once, what is nearest to the topic first."""
    return list(dict.fromkeys(kept for operator in planned.plan.operators for kept in _kept(operator, planned)))


def clocks(plan: JobPlan) -> list[str]:
    """By what time the job knows that something is over: `event_time, 70 s behind the newest event`."""
    found = [_watermark(operator) for operator in plan.operators if operator.kind == "watermark-assigner"]
    return [f"{column}, {length(behind)} behind the newest event" for column, behind in dict.fromkeys(found)]


def tree(planned: Planned, name: str) -> Tree:
    """The operators, sinks at the top, what feeds each below it; ● keeps something from one row to the next.

    One that feeds several is drawn once. Steps that only prepare another one are shown with it.
    """
    plan = planned.plan
    shown = [operator for operator in plan.operators if operator.kind not in STEPS]
    feeds = [_shown(plan, number).id for operator in shown for number in operator.inputs]
    drawn: set[int] = set()

    def draw(branch: Tree, operator: Operator) -> None:
        mark = f"({operator.id}) " if feeds.count(operator.id) > 1 else ""
        if operator.id in drawn:
            branch.add(_line(f"{mark}as drawn above", "dim"))
            return
        drawn.add(operator.id)
        keeps = any(_kept(operator, planned))
        text = f"{'● ' if keeps else ''}{mark}{in_words(operator, plan)}"
        below = branch.add(_line(text, "bold" if keeps else ""))
        for number in operator.inputs:
            draw(below, _shown(plan, number))

    top = Tree(_line(name, ""), guide_style="dim")
    for sink in plan.sinks():
        draw(top, sink)
    return top


def in_words(operator: Operator, plan: JobPlan) -> str:
    """One line: what an operator does, by which columns, then the details."""
    parts, kind = described(operator.description), operator.kind
    keys = listed(_keys(operator, plan))
    by = f" by {keys}" if keys else ""
    details = ", ".join(name for _, name in computed(parts.get("select", "")) if "$" not in name)
    if kind == "sink":
        text, details = f"write {parts['table'].rpartition('.')[2]}", _count(parts["fields"])
    elif kind == "table-source-scan":
        text, details = f"read {split(parts['table'][1:-1])[2]}", _count(parts["fields"])
    elif kind.endswith("calc"):
        text, details = _calc(parts, " in Python" if kind.startswith("python") else "")
    elif kind == "watermark-assigner":
        column, behind = _watermark(operator)
        text = f"watermark: {column}, {length(behind)} behind"
    elif kind == "deduplicate":
        text, details = f"keep the {'first' if parts['keep'] == 'FirstRow' else 'last'} row of each {keys}", ""
    elif kind.endswith("window-aggregate"):
        text = f"{window(parts['window'])}{by}"
    elif visits := bounds(operator):
        text, details = f"visits{by}", str(visits)
    elif kind == "over-aggregate":
        function = named(split(parts["select"])[-1])[0].replace("(*)", "()")
        order = "as they come" if "PROCTIME" in _order(operator, plan) else "by time"
        text, details = f"{function} of rows {order}{by}", ""
    elif kind == "group-aggregate":
        text = f"running totals{by}"
    elif kind == "correlate":
        text, details = "add to each row", plain(parts["correlate"].removeprefix("table(").removesuffix(")"))
    else:
        text, details = f"{kind.replace('-', ' ')}{by}", plain(parts.get("where", ""))
    return f"{text}: {details}" if details else text


def _kept(operator: Operator, planned: Planned) -> Iterator[Kept]:
    parts, kind = described(operator.description), operator.kind
    by = tuple(_keys(operator, planned.plan))
    if visits := bounds(operator):
        yield Kept(
            "events of open visits", by, f"until {visits.spoken_gap} and {_later(operator, planned)} the last act"
        )
    elif takes_visits_as_they_come(planned.plan, operator):
        yield Kept("the visit whose events come", by, _after(TTL, "its last event came", planned))
    elif kind == "deduplicate" and parts["keep"] == "FirstRow":
        yield Kept("ids for de-duplication", by, _after(operator.states[0].ttl, "the first copy", planned))
    elif kind == "over-aggregate":
        counts = "ROW_NUMBER" in parts["select"]
        what = (
            "how many copies came so far"
            if counts and "PROCTIME" in _order(operator, planned.plan)
            else "running totals"
        )
        yield Kept(what, by, _after(TTL, "the last row", planned))
    elif kind == "interval-join":
        behind = [abs(int(number)) for number in re.findall(r"Bound=(-?\d+)", parts["windowBounds"])]
        yield Kept("rows that wait for their match", by, f"until {_later(operator, planned, max(behind))} their time")
    elif kind == "match":
        yield Kept("patterns that have begun", by, "until they end; for ever if no WITHIN limits them")
    elif kind == "window-table-function" and not parts["window"].startswith("SESSION"):
        return  # it only writes the window beside the row
    elif "window" in kind and operator.states:
        gap = re.search(r"gap=\[(\d+ \w+)\]", parts["window"])
        if gap:
            what = "open visits" if "visitor_id" in by else "open sessions"
            yield Kept(what, by, f"until {gap[1]} and {_later(operator, planned)} their last event")
        else:
            distinct = listed(_distinct(operator, planned.plan))
            what = f"open {window(parts['window'])}" + (f", the distinct {distinct} of each" if distinct else "")
            yield Kept(what, by, f"until {_later(operator, planned)} their end")
    else:
        for one in operator.states:
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", one.name).lower()
            what, since = STATES.get(one.name, (words, "its last change"))
            yield Kept(what, by, _after(one.ttl, since, planned))


def _after(ttl: str, since: str, planned: Planned) -> str:
    """How long Flink keeps a state; it counts from the last time that the state was written."""
    lasts = planned.options.get(TTL, "0 ms") if ttl == TTL else ttl
    return f"{lasts} after {since}" if re.match(r"0*[1-9]", lasts) else "for ever"


def _later(operator: Operator, planned: Planned, milliseconds: int = 0) -> str:
    """What a watermark that is behind adds: `70 s after`."""
    below = [_watermark(other) for other in planned.plan.below(operator) if other.kind == "watermark-assigner"]
    total = milliseconds + max((behind for _, behind in below), default=0)
    return f"{length(total)} after" if total else "after"


def _keys(operator: Operator, plan: JobPlan) -> list[str]:
    """The columns by which an operator keeps its rows apart, by the names that a reader of the SQL knows."""
    parts = described(operator.description)
    names = partitioned_by(operator) or [name for key in KEYS for name in split(parts.get(key, ""))]
    return [_known(name, operator, plan) for name in names]


def _known(name: str, operator: Operator, plan: JobPlan) -> str:
    """The name that a later or an earlier operator gives to $2, else how it is computed."""
    if "$" not in name and not name.startswith("EXPR"):
        return name
    for reader in plan.operators:
        for expression, new in computed_or_renamed(reader):
            if expression == name and "$" not in new and operator.id < reader.id:
                return new
    for below in plan.below(operator):
        for expression, new in computed_or_renamed(below):
            if new == name:
                columns = list(dict.fromkeys(re.findall(r"\b[a-z_]\w*\b(?!\()", plain(expression, 9999))))
                return f"what {listed(columns)} {'says' if len(columns) == 1 else 'say'} together"
    return name


def computed_or_renamed(operator: Operator) -> list[tuple[str, str]]:
    """(expression, name) of each column that an operator renames."""
    return [named(item) for item in split(described(operator.description).get("select", "")) if " AS " in item]


def _order(operator: Operator, plan: JobPlan) -> str:
    """By what rows come in order: the column or how it is computed."""
    name = described(operator.description).get("orderBy", "").partition(" ")[0]
    found = [text for below in plan.below(operator) for text, new in computed_or_renamed(below) if new == name]
    return found[0] if found else name


def _distinct(operator: Operator, plan: JobPlan) -> list[str]:
    """The columns of which a window counts distinct values: it keeps each of them. The local half may name them."""
    halves = [operator, *(below for below in plan.below(operator) if below.kind == "local-window-aggregate")]
    texts = " ".join(half.description for half in halves)
    return list(dict.fromkeys(re.findall(r"DISTINCT[ (]+([\w.]+)", texts)))


def _watermark(operator: Operator) -> tuple[str, int]:
    """The column and by how many ms the watermark is behind it."""
    parts = described(operator.description)
    found = re.search(r"- (\d+):INTERVAL", parts["watermark"])
    return parts["rowtime"], int(found[1]) if found else 0


def _calc(parts: Mapping[str, str], where: str) -> tuple[str, str]:
    new = [name for _, name in computed(parts["select"]) if "$" not in name]
    hidden = len(computed(parts["select"])) - len(new)
    names = ", ".join([*new, *([f"{hidden} helper{'s' * (hidden > 1)}"] if hidden else [])])
    texts = [f"compute{where} {names}"] if names else []
    if "where" in parts:
        texts.insert(0, f"only where {plain(parts['where'])}")
    return (texts[0], "; ".join(texts[1:])) if texts else (f"pass on {_count(parts['select'])}", "")


def _count(items: str) -> str:
    number = len(split(items))
    return f"{number} column{'s' * (number != 1)}"


def _shown(plan: JobPlan, number: int) -> Operator:
    """The operator of this number; of a step that only prepares the next, what comes before it."""
    found = plan.by_id[number]
    while found.kind in STEPS:
        found = plan.by_id[found.inputs[0]]
    return found


def _line(text: str, style: str) -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
