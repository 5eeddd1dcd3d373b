"""The REST API of any Flink cluster."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from footfall.errors import FootfallError
from footfall.settings import Settings

PROBE_SECONDS = 5.0


def call(
    settings: Settings, path: str, body: dict[str, Any] | None = None, method: str | None = None, seconds: float = 30
) -> Any:
    """One call of Flink's REST API; FootfallError where it does not answer or says no."""
    url = f"http://{settings.flink_rest}{path}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
            text = answer.read()
            return json.loads(text) if text else {}
    except urllib.error.HTTPError as error:
        reason = error.read().decode(errors="replace")
        try:
            reason = json.loads(reason)["errors"][0].splitlines()[0]
        except (ValueError, KeyError, IndexError):
            reason = reason[:200]
        raise FootfallError(f"Flink at {settings.flink_rest}: {reason}") from None
    except (OSError, ValueError):
        raise FootfallError(
            f"no Flink answers at {settings.flink_rest}: start the stack with `footfall up`, or set FLINK_REST_ADDRESS"
        ) from None


def answers(settings: Settings) -> bool:
    """Whether a job manager answers at this address."""
    try:
        call(settings, "/overview", seconds=PROBE_SECONDS)
    except FootfallError:
        return False
    return True
