"""`footfall graph`: what is made of what, drawn."""

from __future__ import annotations

from pathlib import Path

import click

from footfall.commands.common import out
from footfall.errors import FootfallError
from footfall.project import lineage as graphs


@click.command()
@click.option("-o", "--output", default="-", metavar="FILE", help=".svg, .mmd or .md; Mermaid on stdout if left out.")
def graph(output: str) -> None:
    """Draw what is made of what, from the topic to the dashboards, as SVG or Mermaid."""
    drawing = graphs.read_graph()
    if output == "-":
        click.echo(graphs.mermaid(drawing), nl=False)
        return
    makers = {".svg": graphs.svg, ".mmd": graphs.mermaid, ".md": graphs.markdown}
    path = Path(output)
    if path.suffix not in makers:
        raise click.BadParameter(f"{output} ends in none of .svg, .mmd and .md", param_hint="--output")
    try:
        path.write_text(makers[path.suffix](drawing), encoding="utf-8")
    except OSError as error:
        raise FootfallError(f"can't write {path}: {error.strerror}") from error
    out.print(f"written {path}", markup=False)
