-- Where visits end, and which channels get the credit for goals, added up with the rest of the traffic: from the notes of
-- 0012_traffic.sql, which name the visitor of a visit from now on.

-- migrate:up

ALTER TABLE traffic ADD COLUMN exit_page text;
COMMENT ON COLUMN traffic.exit_page IS 'page on which they ended; in the breakdown exit page';
COMMENT ON COLUMN traffic.breakdown IS
  'channel, browser, language, entry page or exit page: which columns are told apart besides device and country, or without these where it ends in alone; each has all visits';

CREATE TABLE attribution (
  site text NOT NULL,
  grain text NOT NULL,
  period_start timestamptz NOT NULL,
  model text NOT NULL,
  channel text,
  goal text NOT NULL,
  currency text,
  conversion_count bigint NOT NULL,
  revenue numeric(38, 4)
);
CREATE INDEX ON attribution (site, grain, period_start);
COMMENT ON TABLE attribution IS
  'attributed_conversions added up by the hour or day of the goal: choose one grain and one model';
COMMENT ON COLUMN attribution.site IS 'site that was visited';
COMMENT ON COLUMN attribution.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN attribution.period_start IS 'start of the hour or day in which the goals were reached';
COMMENT ON COLUMN attribution.model IS 'first touch, last touch or last non-direct';
COMMENT ON COLUMN attribution.channel IS 'channel that gets the credit by this model';
COMMENT ON COLUMN attribution.goal IS 'name of the goal';
COMMENT ON COLUMN attribution.currency IS 'ISO 4217 code of revenue';
COMMENT ON COLUMN attribution.conversion_count IS 'goals reached, of visits that have ended';
COMMENT ON COLUMN attribution.revenue IS 'what they earned; NULL where none earned anything';
COMMENT ON COLUMN changed_visits.visitor_id IS 'visitor of the visit, or that reached the goal';

CREATE OR REPLACE FUNCTION note_visit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_visits VALUES (OLD.site, OLD.session_start, OLD.visitor_id);
  END IF;
  IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE'
    AND (NEW.site, NEW.session_start, NEW.visitor_id) <> (OLD.site, OLD.session_start, OLD.visitor_id) THEN
    INSERT INTO changed_visits VALUES (NEW.site, NEW.session_start, NEW.visitor_id);
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION refresh_traffic() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  breakdowns CONSTANT text[] := ARRAY[
    'channel', 'browser', 'language', 'entry page', 'exit page', 'channel alone', 'entry page alone', 'exit page alone'
  ];
  hours bigint;
BEGIN
  -- One at a time: a second would find the notes gone and think that all is counted.
  PERFORM pg_advisory_xact_lock(hashtext('refresh_traffic'));
  IF NOT EXISTS (SELECT FROM changed_visits) THEN
    RETURN 0;
  END IF;
  CREATE TEMPORARY TABLE visit_notes ON COMMIT DROP AS SELECT * FROM changed_visits WHERE false;
  WITH notes AS (DELETE FROM changed_visits RETURNING *) INSERT INTO visit_notes SELECT DISTINCT * FROM notes;
  ANALYZE visit_notes;
  CREATE TEMPORARY TABLE changed_hours ON COMMIT DROP AS
    WITH starts AS (
      SELECT site, session_start FROM visit_notes WHERE session_start IS NOT NULL
      UNION
      SELECT n.site, s.session_start
      FROM visit_notes AS n JOIN sessions AS s ON s.site = n.site AND s.visitor_id = n.visitor_id
        AND s.session_start <= n.event_time AND s.session_end >= n.event_time
    )
    SELECT DISTINCT
      site, zone_of(site) AS zone, date_trunc('hour', session_start, zone_of(site)) AS hour,
      (session_start AT TIME ZONE zone_of(site))::date AS day
    FROM starts;
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
  -- A zone that changes its clock by half an hour has hours of half an hour and of one and a half. OFFSET 0 has each hour
  -- looked up by itself: all visits compared with all hours would take the longer the more of both there are.
  CROSS JOIN LATERAL (
    SELECT * FROM visits AS s
    WHERE s.site = c.site
      AND s.session_start >= c.hour - INTERVAL '1 hour' AND s.session_start < c.hour + INTERVAL '2 hours'
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
      SELECT site, event_time FROM visit_notes WHERE event_time IS NOT NULL
      UNION
      SELECT a.site, a.event_time
      FROM (SELECT DISTINCT site, session_start, visitor_id FROM visit_notes) AS n
      JOIN goal_events AS a ON a.site = n.site AND a.visitor_id = n.visitor_id
        AND a.event_time >= n.session_start AND a.event_time < n.session_start + INTERVAL '30 days'
    )
    SELECT DISTINCT
      site, zone_of(site) AS zone, date_trunc('hour', event_time, zone_of(site)) AS hour,
      (event_time AT TIME ZONE zone_of(site))::date AS day
    FROM times;
  ANALYZE changed_goal_hours;
  DELETE FROM attribution AS t USING changed_goal_hours AS c
  WHERE t.site = c.site AND t.grain = 'hour' AND t.period_start = c.hour;
  INSERT INTO attribution
  SELECT c.site, 'hour', c.hour, a.model, a.channel, a.goal, a.currency, count(*), sum(a.revenue)
  FROM changed_goal_hours AS c
  CROSS JOIN LATERAL (
    SELECT * FROM attributed_conversions AS t
    WHERE t.site = c.site
      AND t.event_time >= c.hour - INTERVAL '1 hour' AND t.event_time < c.hour + INTERVAL '2 hours'
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

CREATE OR REPLACE FUNCTION note_site() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    NEW := OLD;
  END IF;
  DELETE FROM traffic WHERE site = NEW.site;
  DELETE FROM visitors_per_day WHERE site = NEW.site;
  DELETE FROM attribution WHERE site = NEW.site;
  INSERT INTO changed_visits (site, session_start)
  SELECT DISTINCT site, date_trunc('minute', session_start) FROM sessions WHERE site = NEW.site;
  INSERT INTO changed_visits (site, event_time)
  SELECT DISTINCT site, date_trunc('minute', event_time) FROM goal_events WHERE site = NEW.site;
  RETURN NULL;
END
$$;

INSERT INTO changed_visits (site, session_start) SELECT DISTINCT site, date_trunc('minute', session_start) FROM sessions;
INSERT INTO changed_visits (site, event_time) SELECT DISTINCT site, date_trunc('minute', event_time) FROM goal_events;

-- Months of pages by device and country are many rows, which a question about all devices and countries need not read.
CREATE FUNCTION traffic_for(
  site_name text, begins timestamptz, ends timestamptz, told_apart text, audience text, device text, country_code text
) RETURNS SETOF traffic
LANGUAGE sql STABLE AS $$
  SELECT * FROM traffic_between(
    site_name, begins, ends,
    CASE WHEN device = '%' AND country_code = '%' AND told_apart IN ('channel', 'entry page', 'exit page')
      THEN told_apart || ' alone' ELSE told_apart END
  )
  WHERE (audience = 'everything' OR is_bot = (audience = 'programs'))
    AND device IN ('%', device_type) AND country_code IN ('%', country)
$$;
COMMENT ON FUNCTION traffic_for IS
  'traffic_between of an audience (people, programs, everything), a device and a country, % being any: from the fewest rows that tell it';

CREATE FUNCTION attribution_between(site_name text, begins timestamptz, ends timestamptz) RETURNS SETOF attribution
LANGUAGE sql STABLE AS $$
  SELECT * FROM attribution
  WHERE site = site_name AND grain = grain_of(begins, ends) AND ends > begins + INTERVAL '6 hours'
    AND period_start >= date_trunc(grain_of(begins, ends), begins, zone_of(site_name)) AND period_start < ends
  UNION ALL
  SELECT site, 'minute', date_trunc('minute', event_time), model, channel, goal, currency, 1, revenue
  FROM attributed_conversions
  WHERE site = site_name AND event_time BETWEEN begins AND ends AND ends <= begins + INTERVAL '6 hours'
$$;
COMMENT ON FUNCTION attribution_between IS
  'attribution of these times: up to six hours one by one, up to eight days by the hours that they touch, else by days';
GRANT SELECT ON attribution TO footfall_reader;
GRANT EXECUTE ON FUNCTION traffic_for, attribution_between TO footfall_reader;

-- migrate:down

DROP FUNCTION attribution_between, traffic_for;
CREATE OR REPLACE FUNCTION note_visit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_visits (site, session_start) VALUES (OLD.site, OLD.session_start);
  END IF;
  IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (NEW.site, NEW.session_start) <> (OLD.site, OLD.session_start) THEN
    INSERT INTO changed_visits (site, session_start) VALUES (NEW.site, NEW.session_start);
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION refresh_traffic() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  hours bigint;
BEGIN
  -- One at a time: a second would find the notes gone and think that all is counted.
  PERFORM pg_advisory_xact_lock(hashtext('refresh_traffic'));
  IF NOT EXISTS (SELECT FROM changed_visits) THEN
    RETURN 0;
  END IF;
  CREATE TEMPORARY TABLE changed_hours ON COMMIT DROP AS
    WITH notes AS (DELETE FROM changed_visits RETURNING *),
    starts AS (
      SELECT site, session_start FROM notes WHERE session_start IS NOT NULL
      UNION
      SELECT n.site, s.session_start
      FROM notes AS n JOIN sessions AS s ON s.site = n.site AND s.visitor_id = n.visitor_id
        AND s.session_start <= n.event_time AND s.session_end >= n.event_time
    )
    SELECT DISTINCT
      site, zone_of(site) AS zone, date_trunc('hour', session_start, zone_of(site)) AS hour,
      (session_start AT TIME ZONE zone_of(site))::date AS day
    FROM starts;
  GET DIAGNOSTICS hours = ROW_COUNT;

  DELETE FROM traffic AS t USING changed_hours AS c
  WHERE t.site = c.site AND t.grain = 'hour' AND t.period_start = c.hour;
  INSERT INTO traffic
  SELECT
    v.site, 'hour',
    CASE
      WHEN grouping(v.channel) = 0 THEN 'channel'
      WHEN grouping(v.browser) = 0 THEN 'browser'
      WHEN grouping(v.language_code) = 0 THEN 'language'
      ELSE 'entry page'
    END,
    c.hour, v.is_bot, v.device_type, v.country, v.channel, v.source, v.medium, v.utm_campaign, v.browser,
    v.operating_system, v.language_code, v.entry_page,
    count(*), sum(v.page_view_count), count(*) FILTER (WHERE v.is_bounce), count(*) FILTER (WHERE v.is_engaged),
    sum(v.duration_ms), sum(v.engaged_ms), sum(v.goal_count)
  FROM changed_hours AS c
  -- A zone that changes its clock by half an hour has hours of half an hour and of one and a half.
  JOIN visits AS v ON v.site = c.site
    AND v.session_start >= c.hour - INTERVAL '1 hour' AND v.session_start < c.hour + INTERVAL '2 hours'
    AND date_trunc('hour', v.session_start, c.zone) = c.hour
  GROUP BY GROUPING SETS (
    (v.site, c.hour, v.is_bot, v.device_type, v.country, v.channel, v.source, v.medium, v.utm_campaign),
    (v.site, c.hour, v.is_bot, v.device_type, v.country, v.browser, v.operating_system),
    (v.site, c.hour, v.is_bot, v.device_type, v.country, v.language_code),
    (v.site, c.hour, v.is_bot, v.device_type, v.country, v.entry_page)
  );

  DELETE FROM traffic AS t USING (SELECT DISTINCT site, day FROM changed_hours) AS c
  WHERE t.site = c.site AND t.grain = 'day' AND t.period_start = midnight_of(c.site, c.day);
  INSERT INTO traffic
  SELECT
    t.site, 'day', t.breakdown, midnight_of(c.site, c.day), t.is_bot, t.device_type, t.country, t.channel, t.source,
    t.medium, t.utm_campaign, t.browser, t.operating_system, t.language_code, t.entry_page,
    sum(t.visit_count), sum(t.page_view_count), sum(t.bounce_count), sum(t.engaged_visit_count), sum(t.duration_ms),
    sum(t.engaged_ms), sum(t.goal_count)
  FROM (SELECT DISTINCT site, day FROM changed_hours) AS c
  JOIN traffic AS t ON t.site = c.site AND t.grain = 'hour'
    AND t.period_start >= midnight_of(c.site, c.day) AND t.period_start < midnight_of(c.site, c.day + 1)
  GROUP BY
    t.site, c.site, c.day, t.breakdown, t.is_bot, t.device_type, t.country, t.channel, t.source, t.medium,
    t.utm_campaign, t.browser, t.operating_system, t.language_code, t.entry_page;

  DELETE FROM visitors_per_day AS d USING changed_hours AS c WHERE d.site = c.site AND d.day = c.day;
  INSERT INTO visitors_per_day
  SELECT site, day, is_bot, count(*), (array_agg(hash ORDER BY hash))[:4096]
  FROM (
    SELECT DISTINCT c.site, c.day, s.is_bot, visitor_hash(s.visitor_id) AS hash
    FROM (SELECT DISTINCT site, day FROM changed_hours) AS c
    JOIN sessions AS s ON s.site = c.site
      AND s.session_start >= midnight_of(c.site, c.day) AND s.session_start < midnight_of(c.site, c.day + 1)
  ) AS hashes
  GROUP BY site, day, is_bot;
  RETURN hours;
END
$$;

CREATE OR REPLACE FUNCTION note_site() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    NEW := OLD;
  END IF;
  DELETE FROM traffic WHERE site = NEW.site;
  DELETE FROM visitors_per_day WHERE site = NEW.site;
  INSERT INTO changed_visits (site, session_start)
  SELECT DISTINCT site, date_trunc('minute', session_start) FROM sessions WHERE site = NEW.site;
  RETURN NULL;
END
$$;

DROP TABLE attribution;
DELETE FROM traffic WHERE breakdown = 'exit page' OR breakdown LIKE '% alone';
ALTER TABLE traffic DROP COLUMN exit_page;
COMMENT ON COLUMN traffic.breakdown IS
  'channel, browser, language or entry page: which columns are told apart besides device and country; each has all visits';
COMMENT ON COLUMN changed_visits.visitor_id IS 'visitor that reached the goal';
