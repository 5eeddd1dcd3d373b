"""How many requests a second one key and one address may make."""

from __future__ import annotations

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter


class Rates:
    """Limits of one worker: each has its share, since the kernel spreads the connections over all."""

    def __init__(self, workers: int) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._workers = workers
        self._items: dict[int, RateLimitItemPerSecond] = {}

    def allows(self, kind: str, name: str, per_second: int) -> bool:
        """Count a request of this key or address; False where it is one too many. 0 means without a limit."""
        if not per_second:
            return True
        item = self._items.get(per_second)
        if item is None:
            item = self._items[per_second] = RateLimitItemPerSecond(max(1, -(-per_second // self._workers)))
        return self._limiter.hit(item, kind, name)
