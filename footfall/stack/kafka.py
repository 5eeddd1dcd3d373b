"""The embedded Kafka broker (KRaft, one node) and the topic of events."""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import shlex
import subprocess
import uuid
from pathlib import Path

import psutil
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from footfall.errors import FootfallError
from footfall.planner.jvm import java
from footfall.settings import Settings
from footfall.stack import processes
from footfall.topic import listens

PARTITIONS = 4
NEVER = 2**63 - 1  # flush.messages as Kafka has it of itself: the system writes to the disk when it likes
REPLICAS, IN_SYNC = 3, 2  # what a topic of several brokers needs, so that an acknowledged record is on two machines
# The broker's clock stamps each record: received_at in sql/tables/raw_events.sql is bounded by it.
TOPIC_CONFIG = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1", "compression.type": "producer"}

logging.getLogger("kafka").setLevel(logging.CRITICAL)


def pid_file(settings: Settings) -> Path:
    return settings.home / "run" / "kafka.pid"


def log_file(settings: Settings) -> Path:
    return settings.logs / "kafka.log"


def start(settings: Settings) -> psutil.Process:
    """Start the broker on 127.0.0.1, or find the one that runs; ready when it answers."""
    process = processes.find(pid_file(settings)) or launch(settings)
    processes.wait_until(lambda: answers(settings.bootstrap_servers), process, "Kafka", log_file(settings))
    return process


def launch(settings: Settings) -> psutil.Process:
    """Start the broker; do not wait until it answers. Raises FootfallError."""
    processes.end_remains(pid_file(settings))
    data = settings.home / "data" / "kafka"
    port, controller = settings.port("KAFKA_PORT"), settings.port("KAFKA_CONTROLLER_PORT")
    processes.require_free_port("Kafka", port, "KAFKA_PORT")
    processes.require_free_port("Kafka's controller", controller, "KAFKA_CONTROLLER_PORT")
    data.mkdir(parents=True, exist_ok=True)
    config = settings.home / "run" / "kafka.properties"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(_properties(data, port, controller))
    logging_config = settings.home / "run" / "kafka-log4j2.properties"
    logging_config.write_text(_LOGGING)
    base = [
        java(), "-Xms256m", "-Xmx512m", "-XX:+UseG1GC", "-XX:+ExitOnOutOfMemoryError", "-Duser.timezone=UTC",
        *shlex.split(os.environ.get("KAFKA_OPTS", "")),  # as Kafka's own scripts take it
        f"-Dlog4j2.configurationFile={logging_config}", "-cp", str(settings.jars / "kafka" / "*"),
    ]  # fmt: skip
    if not (data / "meta.properties").exists():
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = [*base, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(config)]
        # Where it is orphaned, end_remains() finds it by its environment.
        environment = {**os.environ, processes.PID_FILE: str(pid_file(settings))}
        done = subprocess.run([*command, "--ignore-formatted"], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise FootfallError(f"Kafka could not format {data}: {(done.stderr or done.stdout).strip()[-300:]}")
    command = [*base, "kafka.Kafka", str(config)]
    return processes.start("Kafka", command, os.environ, pid_file(settings), log_file(settings))


def stop(settings: Settings) -> bool:
    return processes.stop(pid_file(settings))


def answers(bootstrap_servers: str) -> bool:
    """Whether a broker lists its topics at this address."""
    if not listens(bootstrap_servers):
        return False
    with contextlib.suppress(KafkaError, OSError, ValueError), contextlib.closing(_admin(bootstrap_servers)) as admin:
        admin.list_topics()
        return True
    return False


def ensure_topic(bootstrap_servers: str, topic: str, partitions: int = PARTITIONS, *, sync: bool = True) -> bool:
    """Create the topic of events; True where it was not there yet.

    Without sync it is not on the disk before it is acknowledged, whatever the broker does with others: for benches.
    """
    try:
        with contextlib.closing(_admin(bootstrap_servers)) as admin:
            if topic in admin.list_topics():
                return False
            config = TOPIC_CONFIG if sync else {**TOPIC_CONFIG, "flush.messages": str(NEVER)}
            admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=config)])
            return True
    except TopicAlreadyExistsError:
        return False
    except (KafkaError, OSError) as error:
        raise FootfallError(f"Kafka at {bootstrap_servers}: {error}") from None


def durability(settings: Settings) -> tuple[bool, str]:
    """Whether an acknowledged event survives when one machine loses its power, and a sentence that says why or why not.

    By what the broker says of the topic of events; every producer here asks for acks=all. Raises FootfallError where no
    broker answers, or has no such topic.
    """
    topic = settings.topic
    try:
        with contextlib.closing(_admin(settings.bootstrap_servers)) as admin:
            described = next((one for one in admin.describe_topics([topic]) if not one["error_code"]), None)
            resource = ConfigResource("topic", topic, ["flush.messages", "min.insync.replicas"])
            options = admin.describe_configs([resource], config_filter="all") if described else {}
    except (KafkaError, OSError) as error:
        raise FootfallError(f"Kafka at {settings.bootstrap_servers}: {error}") from None
    if described is None:
        raise FootfallError(f"Kafka has no topic {topic}: `footfall up` makes it")
    found = {name: int(option["value"]) for name, option in options["topic"][topic].items()}
    if len(found) < len(resource.configs):
        return False, f"the broker does not say how it keeps topic {topic}: allow DescribeConfigs"
    replicas = min(len(partition["replica_nodes"]) for partition in described["partitions"])
    in_sync = found["min.insync.replicas"]
    if replicas >= REPLICAS and in_sync >= IN_SYNC:
        return True, f"topic {topic} has {replicas} replicas, and {in_sync} have an event before it is acknowledged"
    if found["flush.messages"] == 1:
        return True, f"the broker of topic {topic} has an event on its disk before it acknowledges it"
    missing = [
        f"{name} is {value}, not {wanted}"
        for name, value, wanted in (
            ("replication factor", replicas, REPLICAS), ("min.insync.replicas", in_sync, IN_SYNC),
        )
        if value < wanted
    ]  # fmt: skip
    return False, (
        f"topic {topic} may lose what it acknowledged when a machine loses its power: {', '.join(missing)}, "
        "and it does not sync (flush.messages is not 1)"
    )


def delete_topic(bootstrap_servers: str, topic: str) -> None:
    """Delete a topic with all that it holds."""
    try:
        with contextlib.closing(_admin(bootstrap_servers)) as admin:
            admin.delete_topics([topic])
    except (KafkaError, OSError) as error:
        raise FootfallError(f"Kafka at {bootstrap_servers}: {error}") from None


def _admin(bootstrap_servers: str) -> KafkaAdminClient:
    return KafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=5000, bootstrap_timeout_ms=5000)


def _properties(data: Path, port: int, controller: int) -> str:
    return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.segment.bytes=268435456
# While nothing changes the controller need not write to its log, and to the disk, twice a second: nobody lags behind.
metadata.max.idle.interval.ms=0
# There is no second broker: what is acknowledged is on the disk.
log.flush.interval.messages=1
"""


_LOGGING = """\
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %-5p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
"""
