"""The drawing of the suite: what is in it, and where."""

import json
import re
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from footfall.cli import footfall
from footfall.project.layout import Node, crossings, lay_out
from footfall.project.lineage import Graph, markdown, mermaid, read_graph, svg

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def graph(*edges: str) -> Graph:
    """Of `a0 b1` and the like: a letter and its rank."""
    names = sorted({name for edge in edges for name in edge.split()}, key=lambda name: (name[-1], name))
    return Graph(
        [Node(name, "view", name, int(name[-1]), "") for name in names],
        [(edge.split()[0], edge.split()[1]) for edge in edges],
    )


def test_the_committed_drawing_is_what_the_command_makes_now() -> None:
    assert (ROOT / "docs" / "suite.svg").read_text() == svg(read_graph()), "run footfall graph -o docs/suite.svg"


def test_edges_go_from_what_is_read_to_who_reads_it() -> None:
    edges = read_graph().edges
    way = [
        "topic:raw_events",
        "source:raw_events",
        "view:received_events",
        "view:events",
        "job:sessions",
        "sink:sessions",
    ]
    assert set(pairwise(way)) <= set(edges)
    assert ("topic:raw_events", "source:raw_arrivals") in edges  # LIKE raw_events, and so of its topic
    assert ("source:raw_events", "source:raw_arrivals") not in edges
    assert ("view:events", "job:late_events") not in edges


def test_a_dashboard_hangs_on_the_tables_that_its_queries_name(tmp_path: Path) -> None:
    panels = {
        "panels": [{"targets": [{"rawSql": "SELECT 1 FROM sessions JOIN late_events_archive"}], "title": "late_events"}]
    }
    (tmp_path / "visits.json").write_text(json.dumps(panels))
    found = [edge for edge in read_graph(boards=tmp_path).edges if edge[1] == "dashboard:visits"]
    assert found == [("sink:sessions", "dashboard:visits")]


def test_a_table_that_one_job_writes_and_another_reads_is_drawn_once(tmp_path: Path) -> None:
    for folder in ("tables", "views", "jobs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "tables" / "in.sql").write_text(
        "CREATE TABLE `in` (a INT) WITH ('connector' = 'kafka', 'topic' = 't;u');"
    )
    for name in ("first", "second"):
        text = f"CREATE TABLE {name} (a INT) WITH ('connector' = 'postgres');"
        (tmp_path / "tables" / f"{name}.sql").write_text(text)
    for name, source in (("first", "`in`"), ("second", "first")):
        text = f"-- {name}: one row per a\nINSERT INTO {name} SELECT a FROM {source};"
        (tmp_path / "jobs" / f"{name}.sql").write_text(text)
    found = read_graph(tmp_path, tmp_path)
    assert ("topic:u", "source:in") in found.edges
    assert ("sink:first", "job:second") in found.edges
    assert [node.id for node in found.nodes if node.name == "first"] == ["job:first", "sink:first"]
    ET.fromstring(svg(found))


def test_lines_do_not_cross_where_they_need_not() -> None:
    crossed = graph("a0 z1", "b0 y1", "c0 x1")
    columns = [["a0", "b0", "c0"], ["x1", "y1", "z1"]]
    assert crossings(columns, crossed.edges) == 3
    boxes = lay_out(crossed.nodes, crossed.edges).boxes
    assert [boxes[start].y for start, _ in crossed.edges] == [boxes[end].y for _, end in crossed.edges]


def test_boxes_and_lines_do_not_cover_each_other() -> None:
    found = read_graph()
    layout = lay_out(found.nodes, found.edges)
    for one, two in combinations(layout.boxes.values(), 2):
        assert one.x + one.width < two.x or two.x + two.width < one.x or abs(one.y - two.y) > one.height
    passing = lay_out(*_of(graph("a0 b1", "b1 c2", "a0 c2")))
    lane = re.search(r"(\d+) H", passing.lines[2])
    box = passing.boxes["b1"]
    assert lane and not box.y <= int(lane[1]) <= box.y + box.height


def _of(found: Graph) -> tuple[list[Node], list[tuple[str, str]]]:
    return list(found.nodes), list(found.edges)


def test_the_drawing_can_be_read_aloud_and_in_the_dark() -> None:
    root = ET.fromstring(svg(read_graph()))
    assert root.get("role") == "img"
    labels = {root.find(f"{SVG}title").get("id"), root.find(f"{SVG}desc").get("id")}  # type: ignore[union-attr]
    assert labels == set(str(root.get("aria-labelledby")).split())
    assert "jobs: arrivals_per_minute" in str(root.find(f"{SVG}desc").text)  # type: ignore[union-attr]
    assert "prefers-color-scheme: dark" in str(root.find(f"{SVG}style").text)  # type: ignore[union-attr]
    titles = [str(title.text) for title in root.iter(f"{SVG}title")]
    assert any(title.startswith("views: events: one row per event that came on time") for title in titles)


def test_text_fits_its_box() -> None:
    found = read_graph()
    boxes = lay_out(found.nodes, found.edges).boxes
    assert all(boxes[node.id].width >= 7.3 * len(node.name) for node in found.nodes)


@pytest.mark.parametrize("name", ["suite.svg", "suite.mmd", "suite.md"])
def test_the_ending_of_the_file_says_what_is_drawn(tmp_path: Path, name: str) -> None:
    done = CliRunner().invoke(footfall, ["graph", "-o", str(tmp_path / name)])
    assert done.exit_code == 0, done.output
    makers = {".svg": svg, ".mmd": mermaid, ".md": markdown}
    assert (tmp_path / name).read_text() == makers[Path(name).suffix](read_graph())


def test_without_a_file_mermaid_goes_to_stdout() -> None:
    for arguments in (["graph"], ["graph", "-o", "-"]):
        printed = CliRunner().invoke(footfall, arguments).output
        assert printed.startswith("flowchart LR\n")
        assert "  view_events --> job_sessions\n" in printed
        assert '    job_sessions[["sessions"]]\n' in printed


def test_another_ending_is_misuse(tmp_path: Path) -> None:
    done = CliRunner().invoke(footfall, ["graph", "-o", str(tmp_path / "suite.png")])
    assert done.exit_code == 2
    assert "ends in none of .svg, .mmd and .md" in done.output
