"""What is made of what, from the topic to the dashboards: read from sql/ and dashboards/, drawn as Mermaid or SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from footfall.database.object_files import read_objects
from footfall.project import catalog
from footfall.project.layout import Layout, Node, lay_out
from footfall.settings import LOCAL_ENV
from jobs.sql_script import read_env
from jobs.sql_suite import grain, job_names

KINDS = {
    "topic": "Kafka topics",
    "source": "tables read",
    "view": "views",
    "job": "jobs",
    "sink": "tables written",
    "result": "Postgres views and functions",
    "dashboard": "dashboards",
}
SHAPES = {
    "topic": '(["{}"])',
    "source": '["{}"]',
    "view": '["{}"]',
    "job": '[["{}"]]',
    "sink": '[("{}")]',
    "result": '["{}"]',
    "dashboard": '[/"{}"/]',
}
STYLE = """
  text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2933 }
  .head { font-size: 11px; fill: #66727f }
  rect { stroke-width: 1.2; fill: #ffffff; stroke: #9aa5b1 }
  .paper { fill: #fbfcfd; stroke: none }
  .topic rect { fill: #fff4e0; stroke: #d9932f }
  .view rect { fill: #eaf3fb; stroke: #5b93c5 }
  .job rect { fill: #e6f5ec; stroke: #3f9a68; stroke-width: 1.8 }
  .sink rect { fill: #f2ecfa; stroke: #8d6cc0 }
  .result rect { fill: #e9f6f6; stroke: #4a9ea1 }
  .dashboard rect { fill: #fdeaea; stroke: #c96a6a }
  path { fill: none; stroke: #9aa5b1; stroke-width: 1.3 }
  marker path { fill: #9aa5b1; stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e7eb }
    .head { fill: #9aa5b1 }
    rect { fill: #1f2933; stroke: #7b8794 }
    .paper { fill: #12171d }
    .topic rect { fill: #3b2c12; stroke: #d9932f }
    .view rect { fill: #14293c; stroke: #5b93c5 }
    .job rect { fill: #12301f; stroke: #3f9a68 }
    .sink rect { fill: #281c3b; stroke: #8d6cc0 }
    .result rect { fill: #12302f; stroke: #4a9ea1 }
    .dashboard rect { fill: #3a1a1a; stroke: #c96a6a }
    path { stroke: #7b8794 }
    marker path { fill: #7b8794 }
  }
"""


@dataclass(frozen=True)
class Graph:
    """Nodes in the order of their ranks; edges go from what is read to who reads it."""

    nodes: Sequence[Node]
    edges: Sequence[tuple[str, str]]


def read_graph(sql_dir: Path = catalog.SQL, boards: Path = catalog.DASHBOARDS) -> Graph:
    """The whole suite, topics under their local names. Raises ScriptError with the faults of the files."""
    sources = catalog.sources(catalog.AnyValue(read_env(LOCAL_ENV, {})), sql_dir)
    jobs = {name: catalog.reads_and_writes(name, sql_dir) for name in job_names(sql_dir)}
    written = {table for _, writes in jobs.values() for table in writes}
    used = {name for reads, _ in jobs.values() for name in (*reads, *catalog.below(sources, reads))}
    depth = _depths(sources)
    deepest = max((depth[name] for name in used), default=1)

    nodes: dict[str, Node] = {}
    edges: list[tuple[str, str]] = []

    def add(kind: str, name: str, rank: int, about: str) -> str:
        return nodes.setdefault(f"{kind}:{name}", Node(f"{kind}:{name}", kind, name, rank, about)).id

    def node_of(name: str) -> str:
        if name in written:
            return f"sink:{name}"
        return f"{'view' if sources[name].kind == 'view' else 'source'}:{name}"

    for name in sorted(used - written, key=lambda name: (depth[name], name)):
        source = sources[name]
        here = add("view" if source.kind == "view" else "source", name, depth[name], source.about)
        edges += [(add("topic", topic, 0, f"Kafka topic {topic}"), here) for topic in source.topics]
        if source.kind == "view":
            edges += [(node_of(read), here) for read in source.reads]
    for name, (reads, writes) in jobs.items():
        here = add("job", name, deepest + 1, grain(sql_dir / "jobs" / f"{name}.sql"))
        edges += [(node_of(read), here) for read in reads]
        edges += [(here, add("sink", table, deepest + 2, sources[table].about)) for table in writes]
    made = catalog.made_in_postgres(sql_dir)
    results = {it.name: it.about for it in read_objects(sql_dir / "postgres") if it.kind != "trigger"}
    for board, words in catalog.dashboards(boards).items():
        here = add("dashboard", board, deepest + 4, f"Grafana dashboard {board}")
        for name in sorted(words & results.keys()):
            if read := catalog.words_below([name], made) & written:
                result = add("result", name, deepest + 3, results[name])
                edges += [(node_of(table), result) for table in sorted(read)] + [(result, here)]
        # What it asks itself, and of tables that Postgres fills
        edges += [
            (node_of(table), here) for table in sorted(catalog.words_below(words - results.keys(), made) & written)
        ]
    ordered = sorted(nodes.values(), key=lambda node: (node.rank, node.name))
    return Graph(ordered, sorted(dict.fromkeys(edges)))


def mermaid(graph: Graph) -> str:
    """The graph as a Mermaid flowchart, a box for each kind."""
    lines = ["flowchart LR"]
    for kind, title in KINDS.items():
        found = [node for node in graph.nodes if node.kind == kind]
        if found:
            shape = SHAPES[kind]
            lines += [f'  subgraph {kind}s ["{title}"]', "    direction LR" if kind == "view" else ""]
            lines += [f"    {_mermaid_id(node.id)}{shape.format(node.name)}" for node in found]
            lines += ["  end"]
    lines += [f"  {_mermaid_id(start)} --> {_mermaid_id(end)}" for start, end in graph.edges]
    return "".join(f"{line}\n" for line in lines if line)


def markdown(graph: Graph) -> str:
    """The Mermaid flowchart in the fence that GitHub and others draw."""
    return f"```mermaid\n{mermaid(graph)}```\n"


def svg(graph: Graph) -> str:
    """The graph as an SVG for light and dark pages; the same graph gives the same text."""
    layout = lay_out(graph.nodes, graph.edges)
    width, height = layout.size
    about = "; ".join(
        f"{title}: {', '.join(_names(graph, kind))}" for kind, title in KINDS.items() if _names(graph, kind)
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-labelledby="title about">',
        '<title id="title">What is made of what, from the Kafka topic to the tables</title>',
        f'<desc id="about">{escape(about)}</desc>',
        f"<style>{STYLE}</style>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z"/></marker></defs>',
        f'<rect class="paper" width="{width}" height="{height}" rx="6"/>',
        *_heads(graph, layout),
        *(f'<path d="{line}" marker-end="url(#arrow)"/>' for line in layout.lines),
        *(_box(node, layout) for node in graph.nodes),
        "</svg>",
    ]
    return "".join(f"{part}\n" for part in parts)


def _heads(graph: Graph, layout: Layout) -> list[str]:
    heads = []
    for kind, title in KINDS.items():
        boxes = [layout.boxes[node.id] for node in graph.nodes if node.kind == kind]
        if boxes:
            middle = (min(box.x for box in boxes) + max(box.x + box.width for box in boxes)) // 2
            heads.append(f'<text class="head" x="{middle}" y="24" text-anchor="middle">{title}</text>')
    return heads


def _box(node: Node, layout: Layout) -> str:
    box = layout.boxes[node.id]
    radius = box.height // 2 if node.kind == "topic" else 4
    return (
        f'<g class="{node.kind}"><title>{escape(f"{KINDS[node.kind]}: {node.name}: {node.about}")}</title>'
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="{radius}"/>'
        f'<text x="{box.x + box.width // 2}" y="{box.y + box.height // 2 + 4}" text-anchor="middle">'
        f"{escape(node.name)}</text></g>"
    )


def _depths(sources: Mapping[str, catalog.Source]) -> dict[str, int]:
    """The rank of each table read, 1, and of each view, one more than the deepest that it reads."""
    depths: dict[str, int] = {}
    for name, source in sources.items():
        depths[name] = 1 if source.kind == "table" else 1 + max((depths[read] for read in source.reads), default=1)
    return depths


def _names(graph: Graph, kind: str) -> list[str]:
    return [node.name for node in graph.nodes if node.kind == kind]


def _mermaid_id(name: str) -> str:
    return name.replace(":", "_").replace("-", "_").replace(".", "_")
