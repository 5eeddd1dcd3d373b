"""200 events by segment-analytics-python: python python_visit.py COLLECTOR WRITE_KEY"""

import sys
import time

from segment.analytics.client import Client

host, write_key = sys.argv[1:]
client = Client(write_key, host=host)
for number in range(200):
    message_id, who = f"python-{number}", {"anonymous_id": "python-visitor"}
    if number == 100:
        client.identify("u-4711", {"plan": "pro"}, message_id=message_id, **who)
    elif number % 4 == 0:
        client.page(name=f"Page {number}", properties={"number": number}, message_id=message_id, **who)
    else:
        client.track(event="Product Viewed", properties={"number": number, "price": 79.5}, message_id=message_id, **who)
    time.sleep(0.05)
client.flush()
client.join()
