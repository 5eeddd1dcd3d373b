-- What analysts ask of visits and their events: goals, attribution, days in the site's time zone, what happens now, and
-- how good the data is. Views and functions over the tables that Flink writes: a goal named today counts for last month
-- too, and nothing can differ from the rows that it is told from. docs/definitions.md says what each means.

-- migrate:up

-- A site that nobody added has days in UTC, and no goals.
CREATE FUNCTION zone_of(site_name text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce((SELECT timezone FROM sites WHERE site = site_name), 'UTC')
$$;

CREATE FUNCTION midnight_of(site_name text, day date) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT day::timestamp AT TIME ZONE zone_of(site_name)
$$;

CREATE VIEW goal_events AS
SELECT a.*
FROM visit_events AS a JOIN sites AS g ON g.site = a.site AND a.event_name = ANY (g.goals)
WHERE a.event_type = 'track';
COMMENT ON VIEW goal_events IS 'the events that their site names as a goal';

CREATE VIEW conversions AS
SELECT
  a.site, a.event_name AS goal, a.event_time, a.message_id, a.visitor_id, s.session_id, s.session_start,
  s.source, s.medium, s.channel, s.utm_campaign, s.is_bot, a.revenue, a.currency
FROM goal_events AS a
LEFT JOIN LATERAL (
  SELECT * FROM sessions AS v
  WHERE v.site = a.site AND v.visitor_id = a.visitor_id
    AND v.session_start <= a.event_time AND v.session_end >= a.event_time
  LIMIT 1
) AS s ON true;
COMMENT ON VIEW conversions IS
  'one row per event that its site names as a goal, with the visit it belongs to (NULL until that has ended)';

CREATE VIEW visits AS
SELECT
  s.*,
  s.session_start AT TIME ZONE zone_of(s.site) AS local_start,
  (s.session_start AT TIME ZONE zone_of(s.site))::date AS local_day,
  g.goal_count,
  s.duration_ms > 10000 OR s.page_view_count >= 2 OR g.goal_count > 0 AS is_engaged
FROM sessions AS s
CROSS JOIN LATERAL (
  SELECT count(*) AS goal_count FROM goal_events AS a
  WHERE a.site = s.site AND a.visitor_id = s.visitor_id AND a.event_time BETWEEN s.session_start AND s.session_end
) AS g;
COMMENT ON VIEW visits IS
  'sessions, with the day in the site''s time zone, the goals reached, and whether the visit was engaged';

CREATE VIEW traffic_per_hour AS
SELECT
  site, date_trunc('hour', session_start, zone_of(site)) AS hour, is_bot,
  channel, source, medium, utm_campaign, country, language_code, device_type, browser, operating_system,
  count(*) AS visit_count,
  sum(page_view_count)::bigint AS page_view_count,
  count(*) FILTER (WHERE is_bounce) AS bounce_count,
  count(*) FILTER (WHERE is_engaged) AS engaged_visit_count,
  sum(duration_ms)::bigint AS duration_ms,
  sum(engaged_ms)::bigint AS engaged_ms,
  sum(goal_count)::bigint AS goal_count
FROM visits
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12;
COMMENT ON VIEW traffic_per_hour IS
  'visits by the hour of the site''s time zone in which they began, and by what is known of them: sum over anything';

CREATE VIEW traffic_per_day AS
SELECT
  site, (hour AT TIME ZONE zone_of(site))::date AS day, is_bot,
  channel, source, medium, utm_campaign, country, language_code, device_type, browser, operating_system,
  sum(visit_count)::bigint AS visit_count,
  sum(page_view_count)::bigint AS page_view_count,
  sum(bounce_count)::bigint AS bounce_count,
  sum(engaged_visit_count)::bigint AS engaged_visit_count,
  sum(duration_ms)::bigint AS duration_ms,
  sum(engaged_ms)::bigint AS engaged_ms,
  sum(goal_count)::bigint AS goal_count
FROM traffic_per_hour
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12;
COMMENT ON VIEW traffic_per_day IS
  'visits by the day of the site''s time zone on which they began, and by what is known of them: sum over anything';

CREATE FUNCTION unique_visitors(site_name text, first_day date, last_day date, with_bots boolean DEFAULT false)
RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT count(DISTINCT visitor_id) FROM sessions
  WHERE site = site_name
    AND session_start >= midnight_of(site_name, first_day) AND session_start < midnight_of(site_name, last_day + 1)
    AND (with_bots OR NOT is_bot)
$$;
COMMENT ON FUNCTION unique_visitors IS
  'distinct visitors of the visits that began on these days of the site''s time zone: exact, and never a sum of days';

CREATE VIEW attributed_conversions AS
SELECT
  c.site, c.goal, c.event_time, c.message_id, c.visitor_id, m.model, t.channel, t.source, t.medium, t.utm_campaign,
  c.revenue, c.currency
FROM conversions AS c
CROSS JOIN (VALUES ('first touch'), ('last touch'), ('last non-direct')) AS m (model)
LEFT JOIN LATERAL (
  SELECT s.channel, s.source, s.medium, s.utm_campaign FROM sessions AS s
  WHERE s.site = c.site AND s.visitor_id = c.visitor_id
    AND s.session_start <= c.event_time AND s.session_start > c.event_time - INTERVAL '30 days'
  ORDER BY
    m.model = 'last non-direct' AND s.channel = 'Direct',
    CASE m.model WHEN 'first touch' THEN s.session_start END,
    s.session_start DESC
  LIMIT 1
) AS t ON true
WHERE c.session_id IS NOT NULL;
COMMENT ON VIEW attributed_conversions IS
  'one row per model and conversion whose visit has ended: the visit of the 30 days up to it that gets the credit';

CREATE VIEW elements_per_hour AS
SELECT
  site, date_trunc('hour', window_start, zone_of(site)) AS hour, element_name, page_path, utm_campaign,
  sum(view_count)::bigint AS view_count,
  sum(click_count)::bigint AS click_count,
  sum(click_count)::numeric / nullif(sum(view_count), 0) AS click_through_rate
FROM elements_per_minute
GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW elements_per_hour IS
  'impressions and clicks of marked elements by hour; the rate is NULL without impressions';

CREATE VIEW web_vitals_per_day AS
SELECT
  site, (event_time AT TIME ZONE zone_of(site))::date AS day, page_path, device_type,
  count(*) AS measured_count,
  percentile_cont(ARRAY[0.5, 0.75, 0.95]) WITHIN GROUP (ORDER BY lcp_ms::float8) AS lcp_ms,
  percentile_cont(ARRAY[0.5, 0.75, 0.95]) WITHIN GROUP (ORDER BY inp_ms::float8) AS inp_ms,
  percentile_cont(ARRAY[0.5, 0.75, 0.95]) WITHIN GROUP (ORDER BY cls::float8) AS cls
FROM web_vitals
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW web_vitals_per_day IS
  'the 50th, 75th and 95th percentile of each measure by page and device; percentiles of days can''t be averaged';

CREATE VIEW data_quality_per_hour AS
SELECT
  site, date_trunc('hour', window_start) AS hour, library,
  sum(event_count)::bigint AS event_count,
  sum(event_count) FILTER (WHERE outcome = 'late') / sum(event_count) AS late_share,
  sum(event_count) FILTER (WHERE outcome = 'duplicate') / sum(event_count) AS duplicate_share,
  sum(event_count) FILTER (WHERE outcome = 'without needed fields') / sum(event_count) AS incomplete_share
FROM arrivals_per_minute
WHERE outcome <> 'heartbeat'
GROUP BY 1, 2, 3;
COMMENT ON VIEW data_quality_per_hour IS
  'what part of a library''s events came late, twice or incomplete; a share is NULL for none';

CREATE VIEW rejected_per_hour AS
SELECT coalesce(site, '') AS site, date_trunc('hour', received_at) AS hour, reason, count(*) AS record_count
FROM rejected_events
GROUP BY 1, 2, 3;
COMMENT ON VIEW rejected_per_hour IS 'records that are no events, by reason';

-- Visits from their events alone, as the job sessions cuts them: open ones, and those whose end that job waits for.
CREATE FUNCTION visits_since(since timestamptz)
RETURNS TABLE (
  site text, visitor_id text, session_start timestamptz, session_end timestamptz, duration_ms bigint,
  page_view_count bigint, event_count bigint, engaged_ms bigint, entry_page text, exit_page text, current_page text,
  country text, user_id text
)
LANGUAGE sql STABLE AS $$
  WITH gaps AS (
    SELECT
      *,
      event_time > lag(event_time) OVER visitor + INTERVAL '30 minutes' AS begins
    FROM visit_events
    WHERE event_time >= since
    WINDOW visitor AS (PARTITION BY site, visitor_id ORDER BY event_time)
  ),
  numbered AS (
    SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY site, visitor_id ORDER BY event_time) AS visit FROM gaps
  ),
  views AS (
    SELECT *, event_type IN ('page', 'screen') AS is_view, coalesce(page_path, '') COLLATE "C" AS page FROM numbered
  )
  SELECT
    site, visitor_id, min(event_time), max(event_time),
    (extract(epoch FROM max(event_time) - min(event_time)) * 1000)::bigint,
    count(*) FILTER (WHERE is_view), count(*), coalesce(sum(engaged_ms), 0)::bigint,
    (array_agg(page_path ORDER BY event_time, page) FILTER (WHERE is_view))[1],
    (array_agg(page_path ORDER BY event_time DESC, page DESC) FILTER (WHERE is_view))[1],
    (array_agg(page_path ORDER BY event_time DESC, page DESC) FILTER (WHERE page <> ''))[1],
    (array_agg(country ORDER BY is_view DESC, event_time, page, country))[1],
    (array_agg(user_id ORDER BY event_time DESC, user_id COLLATE "C" DESC) FILTER (WHERE user_id IS NOT NULL))[1]
  FROM views
  GROUP BY site, visitor_id, visit
$$;
COMMENT ON FUNCTION visits_since IS
  'one row per visit, made of the events since then: seconds old, and for a finished visit what sessions says of it';

CREATE VIEW live_sessions AS
SELECT v.*
FROM visits_since(now() - INTERVAL '1 day') AS v
WHERE NOT EXISTS (
  SELECT FROM sessions AS s
  WHERE s.site = v.site AND s.visitor_id = v.visitor_id
    AND s.session_start <= v.session_start AND s.session_end >= v.session_end
);
COMMENT ON VIEW live_sessions IS
  'one row per visit of the last day that is open, or whose row in sessions is still waited for: gone once that is there';

-- Now: an event is here a second after it came.
CREATE VIEW live_visitors AS
SELECT
  site, coalesce(page_path, '') AS page_path, coalesce(country, '') AS country,
  count(DISTINCT visitor_id) FILTER (WHERE event_time > now() - INTERVAL '5 minutes') AS visitor_count_5,
  count(DISTINCT visitor_id) AS visitor_count_30
FROM visit_events
WHERE event_time > now() - INTERVAL '30 minutes' AND event_time <= now()
GROUP BY 1, 2, 3;
COMMENT ON VIEW live_visitors IS
  'distinct visitors of the last 5 and 30 minutes by page and country; do not add them up over pages';

CREATE FUNCTION active_now(site_name text, minutes integer DEFAULT 5) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT count(DISTINCT visitor_id) FROM visit_events
  WHERE site = site_name AND event_time > now() - make_interval(mins => minutes) AND event_time <= now()
$$;
COMMENT ON FUNCTION active_now IS 'distinct visitors of the last minutes';

CREATE VIEW live_events AS
SELECT site, event_time, message_id, visitor_id, event_type, event_name, page_path, country
FROM visit_events
WHERE is_action AND event_time > now() - INTERVAL '5 minutes' AND event_time <= now();
COMMENT ON VIEW live_events IS 'what happened in the last five minutes';

GRANT SELECT ON goal_events, conversions, visits, traffic_per_hour, traffic_per_day, attributed_conversions,
  elements_per_hour, web_vitals_per_day, data_quality_per_hour, rejected_per_hour, live_sessions, live_visitors, live_events
TO footfall_reader;
GRANT EXECUTE ON FUNCTION zone_of, midnight_of, unique_visitors, visits_since, active_now TO footfall_reader;

-- migrate:down

DROP VIEW live_events, live_visitors, live_sessions, rejected_per_hour, data_quality_per_hour, web_vitals_per_day,
  elements_per_hour, attributed_conversions, traffic_per_day, traffic_per_hour, visits, conversions, goal_events;
DROP FUNCTION active_now, visits_since, unique_visitors, midnight_of, zone_of;
