"""What `footfall plan --json` says of one job in several folders of SQL, in one process: JOB FOLDER… → a JSON list."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from footfall.deploy import cluster
from footfall.deploy.plan import verdict
from footfall.deploy.report import as_dict
from footfall.deploy.restore_check import Planner
from footfall.deploy.versions import read_version
from footfall.settings import load_settings


def main(job: str, *folders: str) -> None:
    settings = load_settings()
    running = cluster.running(settings, job)
    with Planner(settings) as planner:
        found = [verdict(settings, planner, job, read_version(Path(folder), job), running) for folder in folders]
    print(json.dumps([as_dict(each) for each in found]))


if __name__ == "__main__":
    main(*sys.argv[1:])
