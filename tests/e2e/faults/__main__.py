"""Run it on a stack of its own: `python -m e2e.faults --runs 30 --seed 1`, from tests/."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from . import campaign, kinds
from .stack import own_stack


def main() -> int:
    """0 where every run is as it must be, else 1."""
    parser = argparse.ArgumentParser(prog="python -m e2e.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=30, help="faults, or pairs of them, one after the other")
    parser.add_argument("--seed", type=int, default=1, help="the same seed has the same faults and events")
    parser.add_argument("--as-one", action="store_true", help="all jobs as one Flink job, instead of nine")
    parser.add_argument("--outages", action="store_true", help="instead: what lasts for minutes, each once")
    parser.add_argument("-o", "--output", type=Path, default=Path("faults.json"), help="the figures, as JSON")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped then too
    with own_stack(print) as (settings, disk):
        if options.outages:
            plan = [(fault,) for fault in kinds.outages(disk)]
        else:
            plan = kinds.plan(options.seed, options.runs, disk=disk)
        if not disk:
            print("no file system can be mounted here: a full disk is left out")
        runs = campaign.run(
            settings, plan, options.seed, as_one=options.as_one, say=lambda line: print(line, flush=True)
        )
    figures = campaign.summary(runs, len(plan))
    options.output.write_text(json.dumps(figures, indent=2, default=str) + "\n")
    for name, figure in figures.items():
        if name != "each":
            print(f"{name.replace('_', ' ')}: {figure}")
    return 0 if len(runs) == len(plan) and all(run.is_good for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
