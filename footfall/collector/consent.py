"""How much of its visitors' events a site may keep."""

from __future__ import annotations

from enum import StrEnum


class Consent(StrEnum):
    """What a visitor agreed to: nothing kept, nothing that identifies, or the event as it was sent."""

    NONE = "none"
    ANONYMOUS = "anonymous"
    FULL = "full"
