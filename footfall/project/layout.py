"""Places for the nodes of a layered graph, left to right by rank, and lines between them that cross little."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple

LETTER, PADDING, HEIGHT = 7.3, 22, 30
ROW, LANE = 46, 26  # of a box and of a line that passes through its column
GAP, MARGIN, TOP = 46, 18, 46


class Node(NamedTuple):
    """One thing that is drawn. Ranks count from 0, the left."""

    id: str
    kind: str
    name: str
    rank: int
    about: str


class Box(NamedTuple):
    """A place, in pixels from the upper left."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Layout:
    """Where each node is, the path of each edge, and the size of all."""

    boxes: Mapping[str, Box]
    lines: Sequence[str]
    size: tuple[int, int]


def lay_out(nodes: Sequence[Node], edges: Iterable[tuple[str, str]]) -> Layout:
    """Columns by rank, rows so that lines cross little and run straight; nothing random in it."""
    rank = {node.id: node.rank for node in nodes}
    columns: list[list[str]] = [
        [node.id for node in nodes if node.rank == place] for place in range(max(rank.values()) + 1)
    ]
    chains: list[list[str]] = []
    for start, end in edges:
        # An edge over several columns takes a lane in each between; one that goes back is drawn as it comes.
        lanes = [f"{start}>{end}@{place}" for place in range(rank[start] + 1, rank[end])]
        for place, lane in enumerate(lanes, rank[start] + 1):
            columns[place].append(lane)
        chains.append([start, *lanes, end])
    links = [link for chain in chains for link in pairwise(chain) if len(chain) > 2 or rank[chain[0]] < rank[chain[1]]]
    columns = _uncross(columns, links)
    middle = _rows(columns, links)

    widths = [
        max((_width(node.name) for node in nodes if node.rank == place), default=0) for place in range(len(columns))
    ]
    left = [MARGIN + sum(widths[:place]) + GAP * place for place in range(len(widths))]
    boxes = {node.id: Box(left[node.rank], middle[node.id] - HEIGHT // 2, widths[node.rank], HEIGHT) for node in nodes}
    spans = {name: (left[place], left[place] + widths[place]) for place, names in enumerate(columns) for name in names}
    lines = [_line([(*spans[name], middle[name]) for name in chain]) for chain in chains]
    height = max(box.y + box.height for box in boxes.values()) + MARGIN
    return Layout(boxes, lines, (left[-1] + widths[-1] + MARGIN, height))


def crossings(columns: Sequence[Sequence[str]], links: Iterable[tuple[str, str]]) -> int:
    """How many pairs of links cross between columns that are side by side."""
    place = {name: (number, row) for number, column in enumerate(columns) for row, name in enumerate(column)}
    found = [(place[start], place[end]) for start, end in links]
    return sum(
        one[0][0] == two[0][0] and (one[0][1] - two[0][1]) * (one[1][1] - two[1][1]) < 0
        for one, two in combinations(found, 2)
    )


def _uncross(columns: list[list[str]], links: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Each column by the mean place of its neighbours, to the right and back until that does no better."""
    best, fewest = columns, crossings(columns, links)
    current = columns
    for _ in range(12):
        for order in (range(1, len(current)), range(len(current) - 2, -1, -1)):
            for place in order:
                beside = current[place - 1] if order.step > 0 else current[place + 1]
                current = [*current[:place], _by_neighbours(current[place], beside, links), *current[place + 1 :]]
            if (number := crossings(current, links)) < fewest:
                best, fewest = current, number
    return best


def _by_neighbours(column: Sequence[str], beside: Sequence[str], links: Sequence[tuple[str, str]]) -> list[str]:
    row = {name: float(place) for place, name in enumerate(beside)}
    own = {name: float(place) for place, name in enumerate(column)}
    return sorted(
        column, key=lambda name: _mean([row[other] for other in _joined(name, links) if other in row], own[name])
    )


def _rows(columns: Sequence[Sequence[str]], links: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The vertical middle of each name: near the mean of its neighbours, as far from the next as they need."""
    middle = {name: float(ROW * row) for column in columns for row, name in enumerate(column)}
    for _ in range(20):
        for column in (*columns, *reversed(columns)):
            wanted = [_mean([middle[other] for other in _joined(name, links)], middle[name]) for name in column]
            middle.update(zip(column, _apart(wanted, [_room(name) for name in column]), strict=True))
    first = min(middle.values())
    return {name: TOP + HEIGHT // 2 + round(place - first) for name, place in middle.items()}


def _apart(wanted: Sequence[float], rooms: Sequence[float]) -> list[float]:
    """The places nearest to the wanted ones, in their order, that leave each its room (pooled neighbours)."""
    offsets = [0.0]
    for one, two in pairwise(rooms):
        offsets.append(offsets[-1] + (one + two) / 2)
    pools: list[tuple[float, int]] = []
    for place, offset in zip(wanted, offsets, strict=True):
        pools.append((place - offset, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (one, few), (two, more) = pools[-2:]
            pools[-2:] = [((one * few + two * more) / (few + more), few + more)]
    flat = [mean for mean, count in pools for _ in range(count)]
    return [place + offset for place, offset in zip(flat, offsets, strict=True)]


def _joined(name: str, links: Iterable[tuple[str, str]]) -> list[str]:
    return [end if start == name else start for start, end in links if name in (start, end)]


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _room(name: str) -> float:
    return LANE if "@" in name else ROW


def _width(name: str) -> int:
    return round(LETTER * len(name)) + PADDING


def _line(stops: Sequence[tuple[int, int, int]]) -> str:
    """A curve from the right side of the first column through the lanes to the left side of the last."""
    _, right, height = stops[0]
    parts = [f"M{right},{height}"]
    for number, (left, far, there) in enumerate(stops[1:], 2):
        half = (right + left) // 2
        parts.append(f"C{half},{height} {half},{there} {left},{there}")
        if number < len(stops):
            parts.append(f"H{far}")
        right, height = far, there
    return " ".join(parts)
