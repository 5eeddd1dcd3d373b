"""The command line itself: which commands there are, and how they are found."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import click

from footfall import commands
from footfall.cli import footfall


def test_every_module_of_commands_is_a_command_of_its_name() -> None:
    context = click.Context(footfall)
    modules = {module.name for module in pkgutil.iter_modules(commands.__path__)} - {"common"}
    names = footfall.list_commands(context)
    assert {name.replace("-", "_") for name in names} == modules
    for name in names:
        command = footfall.get_command(context, name)
        assert command and command.name == name and command.help


def test_a_command_that_is_not_there_is_none() -> None:
    assert footfall.get_command(click.Context(footfall), "common") is None
    assert footfall.get_command(click.Context(footfall), "os") is None


def test_a_command_imports_nothing_of_the_others() -> None:
    code = (
        "import sys; from footfall.cli import footfall; footfall(['list', '--help'], standalone_mode=False);"
        " print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"kafka", "psycopg", "pyflink"} & set(done.stdout.split())
