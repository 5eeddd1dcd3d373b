"""The embedded Kafka broker (KRaft, one node) and the topic of events."""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import subprocess
import uuid
from pathlib import Path

import psutil
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.stack import processes
from footfall.stack.java import java

PARTITIONS = 4
# The broker's clock stamps each record: received_at in sql/tables/raw_events.sql is bounded by it.
TOPIC_CONFIG = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1", "compression.type": "producer"}

logging.getLogger("kafka").setLevel(logging.CRITICAL)


def pid_file(settings: Settings) -> Path:
    return settings.home / "run" / "kafka.pid"


def start(settings: Settings) -> psutil.Process:
    """Start the broker on 127.0.0.1, or find the one that runs; ready when it answers."""
    running = processes.find(pid_file(settings))
    if running:
        return running
    data, log = settings.home / "data" / "kafka", settings.logs / "kafka.log"
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
        f"-Dlog4j2.configurationFile={logging_config}", "-cp", str(settings.jars / "kafka" / "*"),
    ]  # fmt: skip
    if not (data / "meta.properties").exists():
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = [*base, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(config)]
        done = subprocess.run([*command, "--ignore-formatted"], capture_output=True, text=True)
        if done.returncode:
            raise FootfallError(f"Kafka could not format {data}: {(done.stderr or done.stdout).strip()[-300:]}")
    process = processes.start("Kafka", [*base, "kafka.Kafka", str(config)], os.environ, pid_file(settings), log)
    processes.wait_until(lambda: answers(settings.bootstrap_servers), process, "Kafka", log)
    return process


def stop(settings: Settings) -> bool:
    return processes.stop(pid_file(settings))


def answers(bootstrap_servers: str) -> bool:
    """Whether a broker lists its topics at this address."""
    with contextlib.suppress(KafkaError, OSError, ValueError), contextlib.closing(_admin(bootstrap_servers)) as admin:
        admin.list_topics()
        return True
    return False


def ensure_topic(bootstrap_servers: str, topic: str, partitions: int = PARTITIONS) -> bool:
    """Create the topic of events; True where it was not there yet."""
    try:
        with contextlib.closing(_admin(bootstrap_servers)) as admin:
            if topic in admin.list_topics():
                return False
            admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=TOPIC_CONFIG)])
            return True
    except TopicAlreadyExistsError:
        return False
    except (KafkaError, OSError) as error:
        raise FootfallError(f"Kafka at {bootstrap_servers}: {error}") from None


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
