"""What the operators of a running job report: where they read, and what they dropped."""

from __future__ import annotations

from urllib.parse import quote

from footfall.deploy import rest
from footfall.deploy.cluster import Job
from footfall.settings import Settings


def offsets(settings: Settings, id_: str) -> dict[int, int]:
    """The offset that a job reads next in each partition of its topic that it has read anything of."""
    return {partition: place for partition, place in places(settings, id_).items() if place}


def places(settings: Settings, id_: str) -> dict[int, int]:
    """The offset that a job reads next in each partition that it was given; 0 where it has read nothing of it yet.

    A statement set may read the topic through several sources: the slowest counts.
    """
    sources: list[dict[int, int]] = []
    for vertex in rest.call(settings, f"/jobs/{id_}")["vertices"]:
        path = f"/jobs/{id_}/vertices/{vertex['id']}/subtasks/metrics"
        names = [metric["id"] for metric in rest.call(settings, path) if metric["id"].endswith(".currentOffset")]
        found: dict[int, int] = {}
        for name in names:
            partition = int(name.split(".")[-2])
            for metric in rest.call(settings, f"{path}?get={quote(name)}&agg=max"):
                found[partition] = max(found.get(partition, 0), int(metric["max"]) + 1)  # of the last one; -1 of none
        if vertex["name"].startswith("Source: "):
            sources.append(found)
    given = set.intersection(*(set(found) for found in sources)) if sources else set()
    return {partition: min(found[partition] for found in sources) for partition in given}


def dropped_rows(settings: Settings, job: Job) -> int:
    """Rows that windows of the job dropped as late. The on-time rule keeps it 0, unless the log is out of order."""
    dropped = 0
    for vertex in rest.call(settings, f"/jobs/{job.id}")["vertices"]:
        path = f"/jobs/{job.id}/vertices/{vertex['id']}/subtasks/metrics"
        found = [m["id"] for m in rest.call(settings, path) if m["id"].endswith("numLateRecordsDropped")]
        for metric in found:
            values = rest.call(settings, f"{path}?get={metric}&agg=sum")
            dropped += sum(int(value["sum"]) for value in values)
    return dropped
