"""A page of docs/ as a program: the files that it shows, and its commands with what they print."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY = "…"


class Step(NamedTuple):
    """A command and the output that the page gives it; … stands for anything in its line, alone for any lines."""

    command: str
    output: str


def files(page: str) -> dict[str, str]:
    """Path and text of each block that has a title."""
    return {title: text for _, title, text in FENCE.findall(page) if title}


def steps(page: str) -> Iterator[Step]:
    """The commands of the console blocks, in their order."""
    for language, _, text in FENCE.findall(page):
        if language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                yield Step(command, output)


def matches(expected: str, printed: str) -> bool:
    """Whether a command printed what the page says; spaces at the ends of lines and empty lines around don't count."""
    pattern = []
    for line in _lines(expected):
        if line == ANY:
            pattern.append(r"(?:[^\n]*\n)*?")
        else:
            pattern.append(".*?".join(map(re.escape, line.split(ANY))) + r"\n")
    return re.fullmatch("".join(pattern), "".join(f"{line}\n" for line in _lines(printed))) is not None


def follow(page: str, root: Path, environment: Mapping[str, str]) -> None:
    """Do what a page says, in its order: write its files below root, run its commands there."""
    for block in FENCE.finditer(page):
        for title, text in files(block[0]).items():
            (root / title).parent.mkdir(parents=True, exist_ok=True)
            (root / title).write_text(text)
        for step in steps(block[0]):
            run(step, root, environment)


def run(step: Step, root: Path, environment: Mapping[str, str]) -> None:
    """Run a command in root and compare; its two streams are one, as a reader sees them."""
    done = subprocess.run(
        ["bash", "-c", step.command],
        cwd=root, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, f"$ {step.command}\n{done.stdout}"
    assert matches(step.output, done.stdout), f"$ {step.command}\n{done.stdout}\nthe page says\n{step.output}"


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]
