"""Records of the log, as bytes, and as the lines of files that Flink reads in the place of the topic."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# The columns that the broker fills, and their types
KAFKA_FIELDS = {"kafka_time": str, "kafka_partition": int, "kafka_offset": int}
JSON_SPACE = " \t\r\n"
# A string of JSON, or what ends a line outside of one
LINE_BREAK = re.compile(r'"(?:[^"\\]|\\.)*+"|[\r\n]', re.DOTALL)


@dataclass(frozen=True)
class Record:
    """One record of the log: its bytes (None: it has no value), and what the broker knows of it."""

    value: bytes | None
    kafka: Mapping[str, Any]

    def as_events(self) -> Iterator[bytes]:
        """The line of a file that Flink's JSON format reads as it would read the record, the kafka_ columns beside."""
        if self.value is None:
            return
        # Flink looks for the encoding as Python does; what is in none of them stays what it is
        encoding = json.detect_encoding(self.value)
        text = self.value.decode(encoding, "surrogateescape" if encoding.startswith("utf-8") else "replace")
        text = LINE_BREAK.sub(_on_one_line, text)
        found = parsed(text)
        if isinstance(found, dict):
            # Behind the text itself, which stays as it is: its order, its spaces and what it says twice.
            comma = "," if found else ""
            text = f"{text.rstrip()[:-1]}{comma}{json.dumps(self.kafka)[1:]}"
        elif isinstance(found, list):
            text = json.dumps([{**item, **self.kafka} if isinstance(item, dict) else item for item in found])
        elif text.lstrip(JSON_SPACE).startswith("{"):
            # Broken, or read by Flink and not by Python: it must know its place all the same
            text = f"{json.dumps(self.kafka)[:-1]},{text.lstrip(JSON_SPACE)[1:]}"
        yield text.encode("utf-8", "surrogateescape")

    def as_bytes(self) -> str:
        """The line of a file that holds the record's bytes, as base64, the kafka_ columns beside."""
        value = None if self.value is None else base64.b64encode(self.value).decode()
        return json.dumps({"value": value, **self.kafka})


def parsed(text: str | None) -> Any:
    """The JSON value that a text is, None where it is none; like Flink, it takes control characters in strings."""
    try:
        return json.loads(text or "", strict=False)
    except (ValueError, RecursionError):
        return None


def _on_one_line(match: re.Match[str]) -> str:
    if len(match[0]) > 1:
        return match[0].replace("\n", "\\n").replace("\r", "\\r")
    return " "
