"""A stack that faults may happen to: in a folder and on ports of its own, on a disk that can be full."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from conftest import free_port, open_folder

from footfall.settings import Settings, load_settings
from footfall.stack import control

from ..conftest import FOREIGN, PORTS, SHORT_LIVED, processes_of
from .kinds import small_disk


@contextlib.contextmanager
def own_stack(say: Callable[[str], None]) -> Iterator[tuple[Settings, bool]]:
    """The settings of a running stack, which the environment names meanwhile, and whether its disk can be filled.

    Nothing of it is left afterwards.
    """
    home = open_folder()
    with pytest.MonkeyPatch.context() as environment, small_disk(home) as disk:
        environment.setenv("FOOTFALL_HOME", str(home))
        for name, value in {**{name: free_port() for name in PORTS}, **SHORT_LIVED}.items():
            environment.setenv(name, str(value))
        for name in (*FOREIGN, *(name for name in os.environ if name.startswith("POSTGRES_") and "PASS" in name)):
            environment.delenv(name, raising=False)
        try:
            yield control.up(load_settings(), say), disk
        finally:
            control.down(load_settings(), say, keep_jobs=False)
            for folder in (home / "data").glob("*"):
                shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(home)
    assert not [process.cmdline() for process in processes_of(home)]
