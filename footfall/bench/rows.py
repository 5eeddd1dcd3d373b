"""Made-up rows for `footfall bench-dashboards`: sites of very different size, a day at a time, all of it by the server.

Pages, sources and countries are spread as on real sites, few of them having most; half of the visits are of visitors
who were there before, most of these a short time ago. The same numbers of visits and days give the same visits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial

import psycopg

# Share of the visits in thousandths. A thousand visitors in a row are spread over the sites in these shares.
SITES = {"huge": 600, "large": 200, "middle": 100, "small": 50, "smaller": 30, "tiny": 12, "new": 5, "quiet": 3}
LARGEST = "huge"
AHEAD = timedelta(hours=2)

SETUP = (
    "INSERT INTO sites (site, goals, timezone, pseudonym_key) SELECT name, '{Signed Up,Order Completed}',"
    " 'Europe/Vienna', decode(repeat('00', 32), 'hex') FROM unnest(%(sites)s::text[]) AS name",
    "INSERT INTO funnels (site, funnel) SELECT name, 'order' FROM unnest(%(sites)s::text[]) AS name",
    "INSERT INTO funnel_steps (site, funnel, step, name, event_type, event_name, page_path)"
    " SELECT name, 'order', s.* FROM unnest(%(sites)s::text[]) AS name, (VALUES (1, 'saw a page', 'page', NULL, NULL),"
    " (2, 'followed a link', NULL, 'Link Clicked', NULL), (3, 'ordered', NULL, 'Order Completed', NULL)) AS s",
    "INSERT INTO funnel_rebuild_queue SELECT site, funnel FROM funnels",  # all of them at once, as after an edit
    "CREATE UNLOGGED TABLE bench_shares AS SELECT n, (ARRAY(SELECT name FROM unnest(%(sites)s::text[],"
    " %(shares)s::int[]) AS s (name, share), generate_series(1, share)))[1 + n * 617 %% 1000] AS site"
    " FROM generate_series(0, 999) AS n",
)  # fmt: skip
MONTHS = (
    "SELECT make_month_partition(c.oid::regclass, m) FROM pg_class AS c,"
    " generate_series(date_trunc('month', %(begin)s::timestamptz, 'UTC'), %(end)s::timestamptz, INTERVAL '1 month')"
    " AS m"
    " WHERE c.relkind = 'p' AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition"
)
# m is the visitor, n the visit; i is what is drawn of the visit, each number even between 0 and 1.
DAY = (
    "DROP TABLE IF EXISTS bench_day",
    """
    CREATE TEMPORARY TABLE bench_day AS
    WITH drawn AS (
      SELECT
        n, CASE WHEN random() < 0.5 THEN n ELSE greatest(n - floor(power(n, random()))::bigint, 1) END AS m,
        %(begin)s + mod((acos(1 - 2 * random()) / pi() + 0.5)::numeric, 1) * (%(end)s - %(begin)s::timestamptz)
          AS began,
        random() AS i1, random() AS i2, random() AS i3, random() AS i4, random() AS i5
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
    )
    SELECT
      d.n, d.m, s.site, date_trunc('milliseconds', d.began) AS began, d.i1, d.i4, d.i5,
      md5('v' || d.m)::uuid::text AS visitor_id,
      CASE WHEN d.m %% 20 = 0 THEN 'user' || CASE WHEN d.m %% 4000 = 0 THEN d.n ELSE d.m END END AS user_id,
      CASE WHEN d.i1 < 0.5 THEN 1 ELSE 2 + floor(-ln(d.i2 + 1e-9) * 0.7)::int END AS views,
      '/page/' || floor(power(800, d.i3))::int AS page,
      '/page/' || floor(power(800, d.i4))::int AS last_page,
      (ARRAY['Organic Search', 'Direct', 'Referral', 'Paid Search', 'Email', 'Organic Social', 'Display'])
        [1 + floor(7 * d.i5 * d.i5)::int] AS channel,
      (ARRAY['DE', 'AT', 'CH', 'US', 'FR', 'GB', 'IT', 'NL', 'ES', 'PL', 'CZ', 'SE', 'DK', 'JP', 'IN', 'BR', 'CA',
        'AU'])[1 + floor(18 * power(d.i2, 3))::int] AS country,
      (ARRAY['de', 'en', 'fr', 'it'])[1 + floor(4 * power(d.i2, 2))::int] AS language_code,
      (ARRAY['mobile', 'desktop', 'tablet'])[1 + floor(3 * power(d.i3, 2))::int] AS device_type,
      (ARRAY['Chrome', 'Mobile Safari', 'Firefox', 'Edge', 'Safari'])[1 + floor(5 * power(d.i4, 2))::int] AS browser,
      d.m %% 100 < 6 AS is_bot
    FROM drawn AS d JOIN bench_shares AS s ON s.n = d.m %% 1000
    ORDER BY s.site, began
    """,
    """
    INSERT INTO sessions (
      site, session_id, session_start, session_end, duration_ms, visitor_id, page_view_count, event_count, entry_page,
      exit_page, referrer, utm_source, utm_medium, utm_campaign, is_bounce, user_id, source, medium, channel, country,
      language_code, device_type, browser, browser_version, operating_system, interaction_count, engaged_ms, bot_reason,
      is_bot
    )
    SELECT
      site, md5('s' || n), began, began + (views - 1) * INTERVAL '40 seconds', (views - 1) * 40000, visitor_id, views,
      views, page, CASE views WHEN 1 THEN page ELSE last_page END, 'https://' || channel || '.example/',
      CASE WHEN i5 > 0.7 THEN 'partner' || floor(40 * i4 * i4) END, CASE WHEN i5 > 0.7 THEN 'cpc' END,
      CASE WHEN i5 > 0.7 THEN 'campaign' || floor(30 * i4 * i4) END, views = 1, user_id,
      CASE WHEN i5 > 0.7 THEN 'partner' || floor(40 * i4 * i4) ELSE channel END,
      CASE WHEN i5 > 0.7 THEN 'cpc' ELSE 'organic' END, channel, country, language_code, device_type, browser, '130',
      CASE device_type WHEN 'desktop' THEN 'Windows' ELSE 'Android' END, 0, views * 15000,
      CASE WHEN is_bot THEN 'user agent' END, is_bot
    FROM bench_day
    """,
    # Of the actions, the first step of a visit is its view; goals come with its last second,
    # and links are followed before.
    """
    INSERT INTO visit_events (
      site, event_time, message_id, visitor_id, user_id, previous_id, event_type, event_name, is_action, page_path,
      country, search_term, element_name, target_url, label, engaged_ms, revenue, currency
    )
    SELECT * FROM (
      SELECT
        site, began + (view - 1) * INTERVAL '40 seconds' AS event_time, md5('p' || view || '/' || n), visitor_id,
        user_id, NULL, 'page', NULL, true, CASE view WHEN 1 THEN page ELSE last_page END, country,
        CASE WHEN view = 2 AND i4 < 0.1 THEN 'term ' || floor(power(2000, i5)) END, NULL, NULL, NULL, 15000, NULL, NULL
      FROM bench_day, generate_series(1, views) AS view
      UNION ALL
      SELECT
        site,
        began + (views - 1) * INTERVAL '40 seconds'
          * CASE name WHEN 'Link Clicked' THEN trunc(i1::numeric, 3)::float8 ELSE 1 END,
        md5('t' || n), visitor_id, user_id,
        CASE name WHEN 'alias' THEN 'user' || m + 20 END, CASE name WHEN 'alias' THEN 'alias' ELSE 'track' END,
        nullif(name, 'alias'), true, page, country, NULL, CASE name WHEN 'Link Clicked' THEN 'banner' END,
        CASE name WHEN 'Link Clicked' THEN 'https://out.example/' || floor(power(300, i4)) END, 'x', NULL,
        CASE name WHEN 'Order Completed' THEN round((20 + 100 * i4)::numeric, 2) END,
        CASE name WHEN 'Order Completed' THEN 'EUR' END
      FROM bench_day
      CROSS JOIN LATERAL (SELECT CASE
        WHEN n %% 40 = 0 THEN 'Order Completed' WHEN n %% 40 = 1 THEN 'Signed Up'
        WHEN m %% 20 = 0 AND n %% 5000 = 20 THEN 'alias' WHEN n %% 40 < 16 THEN 'Link Clicked' END AS name) AS t
      WHERE name IS NOT NULL
    ) AS rows ORDER BY site, event_time
    """,
    """
    INSERT INTO engagement_per_minute
    SELECT site, date_trunc('minute', began), page, count(*) * 15000, count(*), count(*) * 60 FROM bench_day
    WHERE n %% 4 = 0 GROUP BY 1, 2, 3 ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO elements_per_minute
    SELECT site, date_trunc('minute', began), 'element ' || floor(8 * i4), page,
      CASE WHEN i5 > 0.9 THEN 'spring' ELSE '' END, count(*) * 4, count(*) FROM bench_day
    WHERE n %% 5 = 0 GROUP BY 1, 2, 3, 4, 5 ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO web_vitals
    SELECT site, began, md5('w' || n), page, device_type, round((500 * exp(1.8 * i4))::numeric, 1),
      CASE WHEN views > 1 THEN round((40 * exp(2.2 * i5))::numeric, 1) END, round((0.3 * i1 * i1)::numeric, 4)
    FROM bench_day WHERE n %% 3 = 0 AND NOT is_bot
    """,
    """
    INSERT INTO arrivals_per_minute (site, window_start, library, outcome, event_count)
    SELECT site, date_trunc('minute', began), 'footfall.js', outcome, count(*) FROM bench_day
    CROSS JOIN LATERAL (SELECT CASE WHEN n %% 200 = 0 THEN 'late' WHEN n %% 100 = 1 THEN 'duplicate' ELSE 'on time' END)
      AS o (outcome)
    GROUP BY 1, 2, 3, 4 ON CONFLICT DO NOTHING
    """,
    "INSERT INTO arrivals_per_minute (site, window_start, library, outcome, event_count)"
    " SELECT site, m, 'footfall.js', 'heartbeat', 1 FROM unnest(%(sites)s::text[])"
    " AS site,"
    " generate_series(date_trunc('minute', %(begin)s::timestamptz), %(end)s,"
    " INTERVAL '1 minute') AS m ON CONFLICT DO NOTHING",
    """
    INSERT INTO late_events (
      received_at, kafka_partition, kafka_offset, site, message_id, event_time, lateness_ms, event_type, visitor_id,
      library
    )
    SELECT
      began, 0, n, site, md5('l' || n), began - INTERVAL '2 minutes', 60000 + i1 * 6e6, 'page', visitor_id,
      'footfall.js'
    FROM bench_day WHERE n %% 200 = 0
    """,
    """
    INSERT INTO rejected_events
    SELECT began, 0, n, CASE WHEN i1 < 0.9 THEN site END, 'type is missing', '{}' FROM bench_day WHERE n %% 1000 = 0
    """,
)  # fmt: skip
# Of the events of all days: a visit goes on into the next one.
MINUTES = (
    """
    INSERT INTO page_views_per_minute
    SELECT site, date_trunc('minute', event_time), page_path, count(*), count(DISTINCT visitor_id) FROM visit_events
    WHERE event_time >= %(begin)s AND event_time < %(end)s AND event_type = 'page'
    GROUP BY 1, 2, 3 ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO custom_events_per_minute
    SELECT site, date_trunc('minute', event_time), event_name, label, count(*), count(DISTINCT visitor_id)
    FROM visit_events WHERE event_time >= %(begin)s AND event_time < %(end)s AND event_type = 'track'
    GROUP BY 1, 2, 3, 4 ON CONFLICT DO NOTHING
    """,
)  # fmt: skip
# What the triggers would have enqueued of the day's rows, but for the funnels.
QUEUED = (
    "INSERT INTO traffic_refresh_queue (site, session_start) SELECT DISTINCT site, date_trunc('minute', session_start)"
    " FROM sessions WHERE session_start >= %(begin)s AND session_start < %(end)s",
    "INSERT INTO page_refresh_queue SELECT site, window_start FROM page_views_per_minute"
    " WHERE window_start >= %(begin)s AND window_start < %(end)s"
    " UNION SELECT site, window_start FROM engagement_per_minute"
    " WHERE window_start >= %(begin)s AND window_start < %(end)s",
    "INSERT INTO traffic_refresh_queue (site, event_time) SELECT DISTINCT site, date_trunc('minute', event_time)"
    " FROM goal_events WHERE event_time >= %(begin)s AND event_time < %(end)s",
    "INSERT INTO people_refresh_queue SELECT DISTINCT site, visitor_id FROM sessions"
    " WHERE session_start >= %(begin)s AND session_start < %(end)s",
    "INSERT INTO people_refresh_queue SELECT site, previous_id, previous_id FROM visit_events"
    " WHERE event_time >= %(begin)s AND event_time < %(end)s AND event_type = 'alias'",
    "INSERT INTO rollup_refresh_queue SELECT 'elements', site, window_start FROM elements_per_minute"
    " WHERE window_start >= %(begin)s AND window_start < %(end)s"
    " UNION SELECT 'arrivals', site, window_start FROM arrivals_per_minute"
    " WHERE window_start >= %(begin)s AND window_start < %(end)s"
    " UNION SELECT 'custom_events', site, window_start FROM custom_events_per_minute"
    " WHERE window_start >= %(begin)s AND window_start < %(end)s"
    " UNION SELECT 'actions', site, date_trunc('minute', event_time) FROM action_events"
    " WHERE event_time >= %(begin)s AND event_time < %(end)s",
    "INSERT INTO web_vital_refresh_queue SELECT DISTINCT site, date_trunc('minute', event_time) FROM web_vitals"
    " WHERE event_time >= %(begin)s AND event_time < %(end)s",
)  # fmt: skip


def fill(admin: str, visits: int, days: int, now: datetime, say: Callable[[str], None]) -> None:
    """Write so many visits of the days before now, and what they did, into empty tables, on all cores.

    Visits go on for AHEAD, at the same pace: there is always somebody on the site while queries are asked. admin: a
    superuser's connection string; the triggers that enqueue changes are not run, which `enqueue` makes up for.
    """
    given: dict[str, object] = {"sites": list(SITES), "shares": list(SITES.values())}
    with psycopg.connect(admin, autocommit=True) as connection:
        for statement in SETUP:
            connection.execute(statement.encode(), given)
        connection.execute(MONTHS.encode(), {"begin": now - timedelta(days=days), "end": now + AHEAD})
    wanted: list[dict[str, object]] = []
    written = 0
    for number, (begin, end) in enumerate(chunks(days, now)):
        count = max(round(visits / days * ((end - begin) / timedelta(days=1))), 1)
        part = {"begin": begin, "end": end, "first": written + 1, "last": written + count}
        wanted.append({**given, **part, "seed": number / (days + 1)})
        written += count
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for what, statements in (("visits", DAY), ("minutes", MINUTES)):
            for number, _ in enumerate(pool.map(partial(_fill_day, admin, statements), wanted)):
                say(f"writing {what}: {number} of {days} days")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("DROP TABLE bench_shares")


def _fill_day(admin: str, statements: Sequence[str], given: dict[str, object]) -> None:
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET work_mem = '256MB'")
        connection.execute("SELECT setseed(%(seed)s)", given)
        for statement in statements:
            connection.execute(statement.encode(), given)


def enqueue(admin: str, begin: datetime, end: datetime) -> None:
    """Enqueue the rows between these times."""
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("SET search_path = public")
        for statement in QUEUED:
            connection.execute(statement.encode(), {"begin": begin, "end": end})


def chunks(days: int, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The days that end now, and what comes after them."""
    for day in range(days, 0, -1):
        yield now - timedelta(days=day), now - timedelta(days=day - 1)
    yield now, now + AHEAD
