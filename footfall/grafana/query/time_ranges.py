"""Time ranges and lengths of time as Grafana writes them: now-24h, now/d, epoch milliseconds, 5m."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from footfall.errors import FootfallError

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 2_592_000, "y": 31_536_000}
MOST_DAYS = 3_700
RELATIVE = re.compile(r"now(?:([+-])(\d{1,9})([smhdwMy]))?(?:/([mhdwMy]))?")
# Where Grafana's automatic interval changes to the next: below the first number of ms it is the second.
STEPS = (
    (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1_500, 1_000), (3_500, 2_000), (7_500, 5_000),
    (12_500, 10_000), (17_500, 15_000), (25_000, 20_000), (45_000, 30_000), (90_000, 60_000), (210_000, 120_000),
    (450_000, 300_000), (750_000, 600_000), (1_050_000, 900_000), (1_500_000, 1_200_000), (2_700_000, 1_800_000),
    (5_400_000, 3_600_000), (9_000_000, 7_200_000), (16_200_000, 10_800_000), (32_400_000, 21_600_000),
    (86_400_000, 43_200_000), (604_800_000, 86_400_000), (1_814_400_000, 604_800_000), (3_628_800_000, 2_592_000_000),
)  # fmt: skip
YEAR_MS = 31_536_000_000


class BadRange(FootfallError):
    """This is no time range; the message says what one looks like."""


@dataclass(frozen=True)
class TimeRange:
    """Both ends in UTC, both belong to it."""

    start: datetime
    end: datetime

    @property
    def start_ms(self) -> int:
        return epoch_ms(self.start)

    @property
    def end_ms(self) -> int:
        return epoch_ms(self.end)


def epoch_ms(time: datetime) -> int:
    """Milliseconds since 1970."""
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def read_range(start: str, end: str, now: datetime) -> TimeRange:
    """The range of two words of Grafana's; days, weeks and months are UTC's. Raises BadRange."""
    found = TimeRange(_read_time(start, now, is_end=False), _read_time(end, now, is_end=True))
    if found.end < found.start:
        raise BadRange("the time range ends before it begins")
    if found.end - found.start > timedelta(days=MOST_DAYS):
        raise BadRange(f"the time range is longer than {MOST_DAYS} days")
    return found


def _read_time(text: str, now: datetime, is_end: bool) -> datetime:
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        if match := RELATIVE.fullmatch(text):
            sign, count, unit, rounded = match.groups()
            time = now
            if count:
                time += timedelta(seconds=int(f"{sign}{count}") * SECONDS[unit])
            return _rounded(time, rounded, is_end) if rounded else time
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        raise BadRange(f"{text[:40]!r} is no time: write now, now-24h, now/d, epoch ms or ISO-8601") from None


def _rounded(time: datetime, unit: str, is_end: bool) -> datetime:
    """The start of the minute, hour, … that a time is in; for an end its last millisecond."""
    start = time.replace(second=0, microsecond=0)
    if unit != "m":
        start = start.replace(minute=0)
    if unit in "dwMy":
        start = start.replace(hour=0)
    if unit == "w":
        start -= timedelta(days=start.weekday())
    if unit in "My":
        start = start.replace(day=1)
    if unit == "y":
        start = start.replace(month=1)
    if not is_end:
        return start
    if unit == "M":
        following = (start + timedelta(days=32)).replace(day=1)
    elif unit == "y":
        following = start.replace(year=start.year + 1)
    else:
        following = start + timedelta(seconds=SECONDS[unit])
    return following - timedelta(milliseconds=1)


def read_seconds(text: str) -> float:
    """The seconds of a length of time such as 30s, 5m, 1h30m or 1d. Raises ValueError."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdwMy])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text[:40]!r} is no length of time: write 30s, 5m, 1h or 1d")
    seconds = sum(float(number) * SECONDS[unit] for number, unit in parts)
    if seconds <= 0:
        raise ValueError(f"{text[:40]!r} is no length of time above zero")
    return seconds


def auto_interval_ms(range_: TimeRange, points: int, least_ms: int) -> int:
    """What $__interval_ms is: the round length that gives about so many points, and never less than least_ms."""
    exact = (range_.end_ms - range_.start_ms) / max(points, 1)
    rounded = next((step for below, step in STEPS if exact < below), YEAR_MS)
    return max(rounded, least_ms)


def in_words(milliseconds: int) -> str:
    """A length of time as Grafana writes it: 30s, 5m, 1h, 1d."""
    for unit in ("y", "d", "h", "m", "s"):
        size = round(SECONDS[unit] * 1000)
        if milliseconds >= size and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"
