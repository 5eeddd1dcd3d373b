"""The `footfall` command. Exit codes: 0 fine, 1 something failed, 2 misused."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

import click

from footfall.commands import (
    alert,
    collect,
    dashboards,
    events,
    jobs,
    person,
    preview_dashboards,
    show,
    site,
    sql,
    stack,
    validate,
)
from footfall.commands.common import err
from footfall.errors import FootfallError
from footfall.suite import UnknownJob
from jobs.sql_script import ScriptError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="footfall")
def footfall() -> None:
    """Real-time user analytics on your own Flink cluster."""


MODULES = (stack, site, person, collect, events, show, sql, jobs, validate, dashboards, alert, preview_dashboards)
for command in (command for module in MODULES for command in module.COMMANDS):
    footfall.add_command(command)


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
    except UnknownJob as error:
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
