"""The `footfall` command. Exit codes: 0 fine, 1 something failed, 2 misused."""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import sys
from contextlib import suppress
from functools import wraps
from typing import Any

import click

from footfall import commands
from footfall.commands.common import err
from footfall.errors import FootfallError, Misused
from footfall.settings import require_project
from jobs.sql_script import ScriptError


class Commands(click.Group):
    """Those of footfall/commands, each in the module of its name, which is imported when it is called.

    All of them take a second: nobody should wait for Kafka's client to be told which jobs there are.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names: the modules', with a hyphen for an underscore."""
        names = (module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__))
        return sorted(name for name in names if name != "common")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None where there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        if cmd_name not in self.commands:
            module = importlib.import_module(f"{commands.__name__}.{cmd_name.replace('-', '_')}")
            found = (value for value in vars(module).values() if isinstance(value, click.Command))
            command = next(command for command in found if command.name == cmd_name)
            _in_project(command)
            self.add_command(command)
        return self.commands[cmd_name]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="footfall")
def footfall() -> None:
    """Real-time user analytics on your own Flink cluster."""


def _in_project(command: click.Command) -> None:
    """Let what a command does, unlike its help, begin with a look whether there is a project."""
    if isinstance(command, click.Group):
        for verb in command.commands.values():
            _in_project(verb)
    elif do := command.callback:

        @wraps(do)
        def begin(*arguments: Any, **options: Any) -> Any:
            require_project()
            return do(*arguments, **options)

        command.callback = begin


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and no traceback."""
    _end_as_on_ctrl_c()
    try:
        footfall.main(standalone_mode=False)
    except click.exceptions.Abort:
        err.print("interrupted")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Misused as error:
        err.print(f"footfall: {error}", markup=False)
        sys.exit(2)
    except (FootfallError, ScriptError) as error:
        err.print(f"footfall: {error}", markup=False)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _end_as_on_ctrl_c() -> None:
    """Let SIGTERM and SIGHUP interrupt as Ctrl-C does: what was started is stopped, what was written is removed.

    What this process was told to ignore, as nohup does, stays ignored; servers have handlers of their own.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with suppress(ValueError):  # not the main thread: nobody can send it one
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, interrupt)


if __name__ == "__main__":
    main()
