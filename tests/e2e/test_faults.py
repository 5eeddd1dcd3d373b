"""Five runs of `make faults`: killed, stopped, refused or full under load, no row differs and nobody has to come."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from footfall.settings import Settings

from .faults import campaign, kinds
from .faults.stack import own_stack

pytestmark = pytest.mark.cluster
FAULTS = ("kill jobmanager", "kill postgres", "refuse logins for 15 s", "kill taskmanager", "kill all servers")


@pytest.fixture(scope="module")
def stack_of_its_own() -> Iterator[Settings]:
    with own_stack(print) as (settings, _):
        yield settings


@pytest.mark.timeout(2400)  # five faults, each with minutes of load around it
def test_whatever_fails_the_tables_resume_equal_and_nobody_has_to_come(stack_of_its_own: Settings) -> None:
    known = {fault.name: fault for fault in kinds.singles(disk=False)}
    plan = [(known[name],) for name in FAULTS]
    runs = campaign.run(stack_of_its_own, plan, seed=1, as_one=True)  # nine jobs apart take twice as long
    assert [str(run) for run in runs if not run.is_good] == []
    assert len(runs) == len(plan)
    assert all(run.rows > 1000 for run in runs if run.rows)


@pytest.mark.parametrize("disk", [True, False])
def test_a_campaign_has_each_kind_once_before_any_pair_and_is_the_same_for_its_seed(disk: bool) -> None:
    alone = {fault.name for fault in kinds.singles(disk)}
    plan = kinds.plan(7, len(alone) + 5, disk=disk)
    assert {fault.name for faults in plan if len(faults) == 1 for fault in faults} == alone
    assert sum(len(faults) == 2 for faults in plan) == 5
    again = kinds.plan(7, len(alone) + 5, disk=disk)
    assert [[fault.name for fault in faults] for faults in plan] == [
        [fault.name for fault in faults] for faults in again
    ]
