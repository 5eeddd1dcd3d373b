-- refresh_traffic: recompute the hours and days whose visits or goals were written since the last call; returns how
-- many hours
--
-- A transaction that writes a visit or a goal enqueues it too, and the hours of what is found in the queue are
-- recomputed: so the roll-up is what the visits say, in whatever order and however often they were written. Only the
-- rows of the hour itself are read: date_trunc takes off minutes of the time as the zone's clock shows it, so what it
-- leaves is at most an hour earlier, in any zone and also on the day on which a clock changes by half an hour.
CREATE OR REPLACE FUNCTION refresh_traffic() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  breakdowns CONSTANT text[] := ARRAY[
    'channel', 'browser', 'language', 'entry page', 'exit page', 'channel alone', 'entry page alone', 'exit page alone'
  ];
  hours bigint;
BEGIN
  IF NOT take_queue('traffic_refresh_queue', 'queued_visits') THEN
    RETURN 0;
  END IF;
  CREATE TEMPORARY TABLE changed_hours ON COMMIT DROP AS
    WITH starts AS (
      SELECT site, session_start FROM queued_visits WHERE session_start IS NOT NULL
      UNION
      SELECT q.site, s.session_start
      FROM queued_visits AS q JOIN sessions AS s ON s.site = q.site AND s.visitor_id = q.visitor_id
        AND s.session_start <= q.event_time AND s.session_end >= q.event_time
    )
    SELECT DISTINCT site, h.zone, h.hour, h.day FROM starts CROSS JOIN LATERAL local_hour_of(site, session_start) AS h;
  GET DIAGNOSTICS hours = ROW_COUNT;
  ANALYZE changed_hours;

  DELETE FROM traffic AS t USING changed_hours AS c
  WHERE t.site = c.site AND t.grain = 'hour' AND t.breakdown = ANY (breakdowns) AND t.period_start = c.hour;
  INSERT INTO traffic
  SELECT
    v.site, 'hour',
    CASE
      WHEN grouping(v.channel) = 0 THEN 'channel'
      WHEN grouping(v.browser) = 0 THEN 'browser'
      WHEN grouping(v.language_code) = 0 THEN 'language'
      WHEN grouping(v.entry_page) = 0 THEN 'entry page'
      ELSE 'exit page'
    END || CASE WHEN grouping(v.device_type) = 0 THEN '' ELSE ' alone' END,
    c.hour, v.is_bot, v.device_type, v.country, v.channel, v.source, v.medium, v.utm_campaign, v.browser,
    v.operating_system, v.language_code, v.entry_page,
    count(*), sum(v.page_view_count), count(*) FILTER (WHERE v.is_bounce), count(*) FILTER (WHERE v.is_engaged),
    sum(v.duration_ms), sum(v.engaged_ms), sum(v.goal_count), v.exit_page
  FROM changed_hours AS c
  -- On the day on which a clock changes, two hours share these times. OFFSET 0 has each hour
  -- looked up by itself: all visits compared with all hours would take the longer the more of both there are.
  CROSS JOIN LATERAL (
    SELECT * FROM visits AS s
    WHERE s.site = c.site
      AND s.session_start >= c.hour AND s.session_start < c.hour + INTERVAL '1 hour'
      AND date_trunc('hour', s.session_start, c.zone) = c.hour
    OFFSET 0
  ) AS v
  GROUP BY GROUPING SETS (
    (v.site, c.hour, v.is_bot, v.device_type, v.country, v.channel, v.source, v.medium, v.utm_campaign),
    (v.site, c.hour, v.is_bot, v.device_type, v.country, v.browser, v.operating_system),
    (v.site, c.hour, v.is_bot, v.device_type, v.country, v.language_code),
    (v.site, c.hour, v.is_bot, v.device_type, v.country, v.entry_page),
    (v.site, c.hour, v.is_bot, v.device_type, v.country, v.exit_page),
    (v.site, c.hour, v.is_bot, v.channel, v.source, v.medium, v.utm_campaign),
    (v.site, c.hour, v.is_bot, v.entry_page),
    (v.site, c.hour, v.is_bot, v.exit_page)
  );

  CREATE TEMPORARY TABLE changed_days ON COMMIT DROP AS
    SELECT site, day, midnight_of(site, day) AS begins, midnight_of(site, day + 1) AS ends
    FROM (SELECT DISTINCT site, day FROM changed_hours) AS d;
  ANALYZE changed_days;
  DELETE FROM traffic AS t USING changed_days AS c
  WHERE t.site = c.site AND t.grain = 'day' AND t.breakdown = ANY (breakdowns) AND t.period_start = c.begins;
  INSERT INTO traffic
  SELECT
    c.site, 'day', t.breakdown, c.begins, t.is_bot, t.device_type, t.country, t.channel, t.source, t.medium,
    t.utm_campaign, t.browser, t.operating_system, t.language_code, t.entry_page,
    sum(t.visit_count), sum(t.page_view_count), sum(t.bounce_count), sum(t.engaged_visit_count), sum(t.duration_ms),
    sum(t.engaged_ms), sum(t.goal_count), t.exit_page
  FROM changed_days AS c CROSS JOIN unnest(breakdowns) AS b
  CROSS JOIN LATERAL (
    SELECT * FROM traffic AS h
    WHERE h.site = c.site AND h.grain = 'hour' AND h.breakdown = b
      AND h.period_start >= c.begins AND h.period_start < c.ends
    OFFSET 0
  ) AS t
  GROUP BY
    c.site, c.begins, t.breakdown, t.is_bot, t.device_type, t.country, t.channel, t.source, t.medium,
    t.utm_campaign, t.browser, t.operating_system, t.language_code, t.entry_page, t.exit_page;

  DELETE FROM visitors_per_day AS d USING changed_days AS c WHERE d.site = c.site AND d.day = c.day;
  INSERT INTO visitors_per_day
  SELECT site, day, is_bot, count(*), (array_agg(hash ORDER BY hash))[:4096]
  FROM (
    SELECT DISTINCT c.site, c.day, s.is_bot, visitor_hash(s.visitor_id) AS hash
    FROM changed_days AS c
    CROSS JOIN LATERAL (
      SELECT is_bot, visitor_id FROM sessions
      WHERE site = c.site AND session_start >= c.begins AND session_start < c.ends
      OFFSET 0
    ) AS s
  ) AS hashes
  GROUP BY site, day, is_bot;

  -- A visit gets the credit for goals of its visitor up to thirty days after it began.
  CREATE TEMPORARY TABLE changed_goal_hours ON COMMIT DROP AS
    WITH times AS (
      SELECT site, event_time FROM queued_visits WHERE event_time IS NOT NULL
      UNION
      SELECT a.site, a.event_time
      FROM (SELECT DISTINCT site, session_start, visitor_id FROM queued_visits) AS q
      JOIN goal_events AS a ON a.site = q.site AND a.visitor_id = q.visitor_id
        AND a.event_time >= q.session_start AND a.event_time < q.session_start + INTERVAL '30 days'
    )
    SELECT DISTINCT site, h.zone, h.hour, h.day FROM times CROSS JOIN LATERAL local_hour_of(site, event_time) AS h;
  ANALYZE changed_goal_hours;
  DELETE FROM attribution AS t USING changed_goal_hours AS c
  WHERE t.site = c.site AND t.grain = 'hour' AND t.period_start = c.hour;
  INSERT INTO attribution
  SELECT c.site, 'hour', c.hour, a.model, a.channel, a.goal, a.currency, count(*), sum(a.revenue)
  FROM changed_goal_hours AS c
  CROSS JOIN LATERAL (
    SELECT * FROM attributed_conversions AS t
    WHERE t.site = c.site
      AND t.event_time >= c.hour AND t.event_time < c.hour + INTERVAL '1 hour'
      AND date_trunc('hour', t.event_time, c.zone) = c.hour
    OFFSET 0
  ) AS a
  GROUP BY c.site, c.hour, a.model, a.channel, a.goal, a.currency;
  DELETE FROM attribution AS t USING (SELECT DISTINCT site, day FROM changed_goal_hours) AS c
  WHERE t.site = c.site AND t.grain = 'day' AND t.period_start = midnight_of(c.site, c.day);
  INSERT INTO attribution
  SELECT
    c.site, 'day', midnight_of(c.site, c.day), t.model, t.channel, t.goal, t.currency, sum(t.conversion_count),
    sum(t.revenue)
  FROM (SELECT DISTINCT site, day FROM changed_goal_hours) AS c
  JOIN attribution AS t ON t.site = c.site AND t.grain = 'hour'
    AND t.period_start >= midnight_of(c.site, c.day) AND t.period_start < midnight_of(c.site, c.day + 1)
  GROUP BY c.site, c.day, t.model, t.channel, t.goal, t.currency;
  RETURN hours;
END
$$;
COMMENT ON FUNCTION refresh_traffic IS
  'recompute the hours and days whose visits or goals were written since the last call; returns how many hours';
