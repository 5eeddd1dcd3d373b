"""The `footfall` command. Exit codes: 0 fine, 1 something failed, 2 misused."""

from __future__ import annotations

import os
import sys

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


if __name__ == "__main__":
    main()
