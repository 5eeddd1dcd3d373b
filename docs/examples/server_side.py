"""What a shop's server tells Footfall, with Segment's own library: only `host` is different.

pip install segment-analytics-python==2.4.0
FOOTFALL_HOST=https://events.shop.example FOOTFALL_WRITE_KEY=… python server_side.py
"""

from __future__ import annotations

import os
from typing import Any

from segment.analytics import Client


def main(host: str, write_key: str) -> None:
    """Send what happens when a visitor orders something, and wait until the collector has all of it.

    host is where the collector listens, such as https://events.shop.example; write_key is that of the site. Raises
    RuntimeError where an event did not arrive.
    """
    failures: list[str] = []

    def failed(error: Exception, events: list[dict[str, Any]]) -> None:
        failures.append(f"{len(events)} events: {error}")

    client = Client(write_key, host=host, on_error=failed)
    # The request that the visitor's browser made to the shop: its address and agent are the visitor's, the server's are
    # not. The consent is what the visitor chose in the shop's banner: none, anonymous or full.
    visitor = {
        "ip": "203.0.113.7",
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "page": {"path": "/checkout", "url": "https://shop.example/checkout"},
        "consent": {"category": "full"},
    }
    # anonymous_id is the one that footfall.js has in the browser: both together are one visitor.
    anonymous_id = "7c1f5f0a-0d55-4c3e-8f0e-2b8f3a1d9c11"
    client.identify("customer-1815", {"plan": "business"}, context=visitor, anonymous_id=anonymous_id)
    client.page("customer-1815", name="Checkout", context=visitor, anonymous_id=anonymous_id)
    client.track(
        "customer-1815",
        "Order Completed",
        {
            "order_id": "order-1842",
            "revenue": 49.9,
            "currency": "EUR",
            "products": [{"product_id": "k-100", "name": "Kettle", "price": 24.95, "quantity": 2}],
        },
        context=visitor,
        anonymous_id=anonymous_id,
    )
    client.shutdown()  # sends what waits; without it, what was called last is lost when the process ends
    if failures:
        raise RuntimeError(f"the collector did not take {'; '.join(failures)}")


if __name__ == "__main__":
    main(os.environ["FOOTFALL_HOST"], os.environ["FOOTFALL_WRITE_KEY"])
