"""The suite part of `footfall bench`: jobs at once, or sets of them, under a steady load; how far behind each is."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import Producer
from rich.console import Console

from footfall import topic
from footfall.deploy import checkpoints, client, cluster, metrics, rest
from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.simulate.run import in_time
from footfall.simulate.visitors import Arrival, arrivals
from footfall.stack import kafka

SITES, TOPIC = ("bench", "bench2", "bench3", "bench4", "bench5"), "bench_suite"
SAMPLE_SECONDS = 5
SECONDS_TO_MAKE = 0.00005  # an event, on a slow core
NO_WATERMARK = -(2**63)
Figures = dict[str, Any]


def measure_suite(
    out: Console,
    settings: Settings,
    names: Sequence[str],
    parallelism: int,
    rate: int,
    duration: timedelta,
    options: Sequence[str],
) -> Figures:
    """Events and event time, in s, by which each Flink job is behind: medians of the second and of the last quarter.

    The first quarter is left out: jobs start in it. A visit ends after half an hour: ask for more to have that too.
    names are of jobs and statement sets, each with this parallelism; options Flink's, KEY=VALUE, for all of them.
    Raises FootfallError where a job fails.
    """
    settings = replace(settings, values={**settings.values, "RAW_EVENTS_TOPIC": TOPIC})
    if not kafka.ensure_topic(settings.bootstrap_servers, TOPIC):  # what a run that was killed has left
        kafka.delete_topic(settings.bootstrap_servers, TOPIC)
        while not kafka.ensure_topic(settings.bootstrap_servers, TOPIC):
            time.sleep(0.5)
    cluster.refuse_running(settings, names)
    samples: list[dict[str, tuple[int, float]]] = []
    done = threading.Event()
    ids: dict[str, str] = {}
    try:
        with out.status(f"submitting {', '.join(names)}"):
            command = client.command(settings, names, "-p", str(parallelism), set_=options)
            ids = client.start(settings, command)
        with out.status("making the events"):
            load = _made_ahead(rate, duration)
            time.sleep(max(0.0, (load[0].time - datetime.now(UTC)).total_seconds()))
        sampler = threading.Thread(target=_sample, args=(settings, ids, samples, done))
        sampler.start()
        try:
            with out.status(f"the suite at {rate:,} events/s") as status:
                reached = _send(
                    settings, load, lambda sent: status.update(f"the suite at {rate:,} events/s: {sent:,} events")
                )
        finally:
            done.set()
            sampler.join()
        for id_ in ids.values():
            cluster.refuse_failed(settings, id_)
        state = {name: _state_bytes(settings, id_) for name, id_ in ids.items()}
    finally:
        for id_ in ids.values():
            cluster.cancel(settings, id_)
        kafka.delete_topic(settings.bootstrap_servers, TOPIC)
    quarter = len(samples) // 4
    if not quarter:
        raise FootfallError("the suite ran too short to say anything: give --suite-seconds 60 or more")
    jobs = {
        name: {
            **_medians("events_behind", [sample[name][0] for sample in samples], quarter),
            **_medians("seconds_behind", [round(sample[name][1]) for sample in samples], quarter),
            "state_bytes": state[name],
        }
        for name in names
    }  # fmt: skip
    return {
        "rate": rate,
        "parallelism": parallelism,
        "reached": round(reached),
        "seconds": duration.total_seconds(),
        "jobs": jobs,
    }


def _made_ahead(rate: int, duration: timedelta) -> list[Arrival]:
    """What arrives at one of the sites from soon on; made ahead, since the jobs have the same cores."""
    seconds = duration.total_seconds()
    start = datetime.now(UTC) + timedelta(seconds=10 + SECONDS_TO_MAKE * rate / len(SITES) * seconds)
    return list(arrivals(seed=5, site=SITES[0], start=start, end=start + duration, events_per_second=rate / len(SITES)))


def of_site(name: str, arrival: Arrival) -> tuple[bytes, bytes]:
    """Key and value of what arrived at the first site, as if it had arrived at another."""
    old, new = SITES[0].encode(), name.encode()
    value = arrival.value.replace(b'"site":"%b"' % old, b'"site":"%b"' % new, 1)
    return arrival.key.replace(b"%b:" % old, b"%b:" % new, 1), value


def _send(settings: Settings, load: Sequence[Arrival], progress: Callable[[int], None]) -> float:
    """Write what arrives to each of the sites at its time; returns the events a second.

    Raises FootfallError where Kafka does not take an event.
    """
    failures: list[str] = []
    # librdkafka: kafka-python takes a third of a core for 5,000 events a second. Full only where the broker is away.
    producer = Producer({
        "bootstrap.servers": settings.bootstrap_servers, "linger.ms": 50, "compression.type": "lz4",
        "partitioner": "murmur2_random", "message.timeout.ms": 30_000, "queue.buffering.max.messages": 1_000_000,
        "error_cb": lambda error: None,  # what is not delivered is reported by the record
    })  # fmt: skip

    def delivered(error: object, _: object) -> None:
        if error:
            failures.append(str(error))

    begun, sent, next_told = load[0].time, 0, 0.0
    for arrival in in_time(load):
        for name in SITES:
            key, value = of_site(name, arrival)
            producer.produce(settings.topic, value, key, on_delivery=delivered)
        producer.poll(0)
        if failures:
            break
        sent += len(SITES)
        if time.monotonic() > next_told:
            progress(sent)
            next_told = time.monotonic() + 1
    if producer.flush(60) or failures:
        raise FootfallError(f"Kafka did not take an event: {(failures or ['no answer within 60 s'])[0]}")
    return sent / (datetime.now(UTC) - begun).total_seconds()


def in_words(found: Figures) -> str:
    """The figures for people."""
    lines = [f"the suite at {found['reached']:,} events/s for {found['seconds']:.0f} s; behind, early and at the end:"]
    for name, of in found["jobs"].items():
        events_ = f"{of['events_behind_early']:,} → {of['events_behind_last']:,} events"
        seconds = f"{of['seconds_behind_early']:,} → {of['seconds_behind_last']:,} s"
        lines.append(f"  {name:26} {events_}, {seconds}, {of['state_bytes'] / 1e6:.1f} MB of state")
    return "\n".join(lines)


def _medians(name: str, values: Sequence[int], quarter: int) -> dict[str, int]:
    early, last = values[quarter : 2 * quarter], values[-quarter:]
    return {f"{name}_early": round(statistics.median(early)), f"{name}_last": round(statistics.median(last))}


def _sample(
    settings: Settings, ids: dict[str, str], samples: list[dict[str, tuple[int, float]]], done: threading.Event
) -> None:
    while not done.wait(SAMPLE_SECONDS):
        ends = topic.ends(settings)
        sample = {}
        for name, id_ in ids.items():
            read = metrics.offsets(settings, id_)
            behind = sum(max(0, end - read.get(partition, 0)) for partition, end in ends.items())
            sample[name] = (behind, _seconds_behind(settings, id_))
        samples.append(sample)


def _seconds_behind(settings: Settings, id_: str) -> float:
    """Between now and the lowest watermark that an operator of a job has, in s; 0 as long as none has one."""
    found = [
        int(mark["value"])
        for vertex in rest.call(settings, f"/jobs/{id_}")["vertices"]
        for mark in rest.call(settings, f"/jobs/{id_}/vertices/{vertex['id']}/watermarks")
    ]
    known = [mark for mark in found if mark != NO_WATERMARK]
    return time.time() - min(known) / 1000 if known else 0.0


def _state_bytes(settings: Settings, id_: str) -> int:
    checkpoints.await_checkpoint(settings, id_)
    latest = rest.call(settings, f"/jobs/{id_}/checkpoints")["latest"]["completed"]
    return int(latest["state_size"]) if latest else 0
