"""Rows in every table that a dashboard reads: three days of a shop, up to now."""

from __future__ import annotations

import psycopg
from conftest import Tables

# Every half minute a visit of two events; the visitor comes back after 200 of them, and each fifth
# visit reaches a goal. One visitor is still there.
STATEMENTS = (
    "INSERT INTO sites (site, goals, pseudonym_key) VALUES ('shop', '{Signed Up}', decode(repeat('00', 32), 'hex'))",
    "INSERT INTO funnels (site, funnel) VALUES ('shop', 'sign up')",
    "INSERT INTO funnel_steps (site, funnel, step, name, event_type, event_name) VALUES"
    " ('shop', 'sign up', 1, 'came', 'page', NULL), ('shop', 'sign up', 2, 'signed up', NULL, 'Signed Up')",
    "CREATE TEMPORARY TABLE numbers AS SELECT n, date_trunc('second', now()) - n * INTERVAL '30 seconds' AS t,"
    " (ARRAY['/', '/p/1', '/größe'])[1 + n %% 3] AS page, (ARRAY['AT', 'DE', NULL])[1 + n %% 3] AS country,"
    " (ARRAY['desktop', 'mobile'])[1 + n %% 2] AS device FROM generate_series(1, %(visits)s) AS n",
    "INSERT INTO sessions (site, session_id, session_start, session_end, duration_ms, visitor_id, page_view_count,"
    " event_count, entry_page, exit_page, utm_campaign, is_bounce, source, medium, channel, country, language_code,"
    " device_type, browser, operating_system, interaction_count, engaged_ms, is_bot)"
    " SELECT 'shop', 's' || n, t, t + INTERVAL '9 seconds', 9000, 'v' || n %% 200, 1, 2, page, page,"
    " CASE n %% 4 WHEN 0 THEN 'spring' END, n %% 5 <> 0, 'google', 'organic',"
    " (ARRAY['Organic Search', 'Direct'])[1 + n %% 2], country, 'de', device, 'Firefox', 'Linux', 1, 4000,"
    " n %% 50 = 1 FROM numbers",
    "INSERT INTO visit_events (site, event_time, message_id, visitor_id, event_type, event_name, is_action, page_path,"
    " country, search_term) SELECT 'shop', t, 'p' || n, 'v' || n %% 200, 'page', NULL, true, page, country,"
    " CASE n %% 10 WHEN 0 THEN 'shoes' END FROM numbers",
    "INSERT INTO visit_events (site, event_time, message_id, visitor_id, event_type, event_name, is_action, page_path,"
    " country, element_name, target_url, label, engaged_ms, revenue, currency)"
    " SELECT 'shop', t + INTERVAL '9 seconds', 't' || n, 'v' || n %% 200, 'track',"
    " CASE n %% 5 WHEN 0 THEN 'Signed Up' ELSE 'Link Clicked' END, true, page, country, 'banner', 'https://a.example/',"
    " 'x', 4000, CASE n %% 5 WHEN 0 THEN 2.5 END, CASE n %% 5 WHEN 0 THEN 'EUR' END FROM numbers",
    "INSERT INTO visit_events (site, event_time, message_id, visitor_id, event_type, is_action, page_path, country)"
    " VALUES ('shop', now() - INTERVAL '1 minute', 'here', 'here', 'page', true, '/p/1', 'AT')",
    "INSERT INTO page_views_per_minute SELECT 'shop', date_trunc('minute', t), page, count(*), count(*) FROM numbers"
    " GROUP BY 2, 3",
    "INSERT INTO engagement_per_minute SELECT 'shop', date_trunc('minute', t), page, count(*) * 4000, count(*),"
    " count(*) * 60 FROM numbers GROUP BY 2, 3",
    "INSERT INTO elements_per_minute SELECT 'shop', date_trunc('minute', t), 'banner', page, '', count(*) * 4, count(*)"
    " FROM numbers GROUP BY 2, 4",
    "INSERT INTO custom_events_per_minute SELECT 'shop', date_trunc('minute', t), 'Signed Up', 'x', count(*), count(*)"
    " FROM numbers GROUP BY 2",
    "INSERT INTO web_vitals SELECT 'shop', t, 'w' || n, page, device, 1000 + n %% 1000, 50 + n %% 50, 0.05"
    " FROM numbers",
    "INSERT INTO arrivals_per_minute SELECT 'shop', date_trunc('minute', t), 'footfall.js', outcome, count(*), 1,"
    " 600000 FROM numbers, unnest(ARRAY['on time', 'late', 'duplicate', 'heartbeat']) AS outcome GROUP BY 2, 4",
    "INSERT INTO last_records VALUES (0, 'event', 9, now()), (0, 'heartbeat', 8, now()), (2, 'heartbeat', 5, now())",
    "INSERT INTO job_health VALUES ('sessions', true, 'running', now() - INTERVAL '1 day', 0, '', 'x', 9, 0, now(),"
    " now())",
    "INSERT INTO late_events (received_at, kafka_partition, kafka_offset, site, message_id, event_time, lateness_ms,"
    " event_type, visitor_id) SELECT t, 0, n, 'shop', 'l' || n, t - INTERVAL '2 minutes', 120000, 'page', 'v'"
    " FROM numbers WHERE n %% 100 = 0",
    "INSERT INTO rejected_events SELECT t, 0, n, CASE n %% 200 WHEN 0 THEN 'shop' END, 'type is missing', '{}'"
    " FROM numbers WHERE n %% 100 = 0",
    "INSERT INTO refused_rows SELECT 'sessions', sha256(n::text::bytea), t, t, 'shop', 'too long', '{}', '{}'"
    " FROM numbers WHERE n %% 100 = 0 AND t < now() - INTERVAL '20 minutes'",
    "INSERT INTO anomalies SELECT 'shop', 'page views', t, t + INTERVAL '5 minutes', 'fewer', 5, 0, 100, 9, t, 0"
    " FROM numbers WHERE n %% 600 = 0",
    "ANALYZE",  # as autovacuum does of what grows; without it refresh_funnels takes a minute
    "SELECT refresh_traffic(), refresh_pages(), refresh_counts(), refresh_people(), refresh_web_vitals(),"
    " refresh_funnels()",
)


def fill(tables: Tables, visits: int = 3 * 2880) -> None:
    """A shop with so many visits, one each half minute up to now, by the hand of the owner."""
    with psycopg.connect(tables.owner, autocommit=True) as connection:
        for statement in STATEMENTS:
            connection.execute(statement.encode(), {"visits": visits})
        connection.execute("ANALYZE")
