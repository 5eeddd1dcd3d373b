-- Visits added up by hour and day of the site's time zone, so that a question about months reads few rows; and how many
-- visitors any days had, without adding days up. docs/definitions.md says what each means.
--
-- Who writes a visit or a goal leaves a note in the same transaction, and `refresh_traffic` counts the hours of the notes
-- that it finds anew: what it has counted is what the visits say, in whatever order and however often they were written.

-- migrate:up

CREATE TABLE changed_visits (
  site text NOT NULL,
  session_start timestamptz,
  visitor_id text,
  event_time timestamptz
);
COMMENT ON TABLE changed_visits IS
  'one row per visit, or goal of a visitor, that was written since traffic was last counted';
COMMENT ON COLUMN changed_visits.site IS 'site of the visit';
COMMENT ON COLUMN changed_visits.session_start IS 'start of the visit; NULL for a goal, whose visit is looked up';
COMMENT ON COLUMN changed_visits.visitor_id IS 'visitor that reached the goal';
COMMENT ON COLUMN changed_visits.event_time IS 'when the goal was reached';

-- As the owner: who writes visits has no right to touch the notes.
CREATE FUNCTION note_visit() RETURNS trigger
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
CREATE TRIGGER note_visit AFTER INSERT OR UPDATE OR DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION note_visit();

CREATE FUNCTION note_goal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    NEW := OLD;
  END IF;
  INSERT INTO changed_visits (site, visitor_id, event_time)
  SELECT NEW.site, NEW.visitor_id, NEW.event_time
  FROM sites WHERE site = NEW.site AND NEW.event_name = ANY (goals);
  RETURN NULL;
END
$$;
CREATE TRIGGER note_goal AFTER INSERT OR UPDATE ON visit_events FOR EACH ROW
WHEN (NEW.event_type = 'track' AND NEW.is_action) EXECUTE FUNCTION note_goal();
CREATE TRIGGER note_lost_goal AFTER DELETE ON visit_events FOR EACH ROW
WHEN (OLD.event_type = 'track' AND OLD.is_action) EXECUTE FUNCTION note_goal();

CREATE TABLE traffic (
  site text NOT NULL,
  grain text NOT NULL,
  breakdown text NOT NULL,
  period_start timestamptz NOT NULL,
  is_bot boolean NOT NULL,
  device_type text,
  country text,
  channel text,
  source text,
  medium text,
  utm_campaign text,
  browser text,
  operating_system text,
  language_code text,
  entry_page text,
  visit_count bigint NOT NULL,
  page_view_count bigint NOT NULL,
  bounce_count bigint NOT NULL,
  engaged_visit_count bigint NOT NULL,
  duration_ms bigint NOT NULL,
  engaged_ms bigint NOT NULL,
  goal_count bigint NOT NULL
);
CREATE INDEX ON traffic (site, grain, breakdown, period_start);
COMMENT ON TABLE traffic IS
  'visits added up by the hour or day in which they began: choose one grain and one breakdown, then sum over anything';
COMMENT ON COLUMN traffic.site IS 'site that was visited';
COMMENT ON COLUMN traffic.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN traffic.breakdown IS
  'channel, browser, language or entry page: which columns are told apart besides device and country; each has all visits';
COMMENT ON COLUMN traffic.period_start IS 'start of the hour or day';
COMMENT ON COLUMN traffic.is_bot IS 'whether the visits are taken for a program''s';
COMMENT ON COLUMN traffic.device_type IS 'desktop, mobile, tablet, …';
COMMENT ON COLUMN traffic.country IS 'ISO 3166-1 code of the country';
COMMENT ON COLUMN traffic.channel IS 'default channel group; in the breakdown channel';
COMMENT ON COLUMN traffic.source IS 'where the visits came from; in the breakdown channel';
COMMENT ON COLUMN traffic.medium IS 'how they came; in the breakdown channel';
COMMENT ON COLUMN traffic.utm_campaign IS 'their campaign; in the breakdown channel';
COMMENT ON COLUMN traffic.browser IS 'browser; in the breakdown browser';
COMMENT ON COLUMN traffic.operating_system IS 'operating system; in the breakdown browser';
COMMENT ON COLUMN traffic.language_code IS 'language of the browser; in the breakdown language';
COMMENT ON COLUMN traffic.entry_page IS 'page on which they began; in the breakdown entry page';
COMMENT ON COLUMN traffic.visit_count IS 'visits';
COMMENT ON COLUMN traffic.page_view_count IS 'their page views';
COMMENT ON COLUMN traffic.bounce_count IS 'visits that were a bounce';
COMMENT ON COLUMN traffic.engaged_visit_count IS 'visits that were engaged';
COMMENT ON COLUMN traffic.duration_ms IS 'sum of their durations in ms';
COMMENT ON COLUMN traffic.engaged_ms IS 'sum of their engaged time in ms';
COMMENT ON COLUMN traffic.goal_count IS 'goals reached in them';

CREATE TABLE visitors_per_day (
  site text NOT NULL,
  day date NOT NULL,
  is_bot boolean NOT NULL,
  visitor_count bigint NOT NULL,
  smallest_hashes bigint[] NOT NULL,
  PRIMARY KEY (site, day, is_bot)
);
COMMENT ON TABLE visitors_per_day IS
  'one row per day of the site''s time zone: its visitors, and a sketch of them that can be merged with other days''';
COMMENT ON COLUMN visitors_per_day.site IS 'site that was visited';
COMMENT ON COLUMN visitors_per_day.day IS 'day on which the visits began';
COMMENT ON COLUMN visitors_per_day.is_bot IS 'whether the visits are taken for a program''s';
COMMENT ON COLUMN visitors_per_day.visitor_count IS 'distinct visitors of this day, exact; do not add up over days';
COMMENT ON COLUMN visitors_per_day.smallest_hashes IS
  'the 4096 smallest hashes of its visitors in their order: all of them where there are no more';

-- The first 64 bits of MD5: spread evenly, and the same on every machine.
CREATE FUNCTION visitor_hash(visitor_id text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ('x' || left(md5(visitor_id), 16))::bit(64)::bigint
$$;

CREATE FUNCTION refresh_traffic() RETURNS bigint
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
COMMENT ON FUNCTION refresh_traffic IS
  'count anew the hours and days whose visits or goals were written since the last call; returns how many hours';

-- Other goals or another time zone: every visit of the site counts otherwise.
CREATE FUNCTION note_site() RETURNS trigger
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
CREATE TRIGGER note_added_site AFTER INSERT OR DELETE ON sites FOR EACH ROW EXECUTE FUNCTION note_site();
CREATE TRIGGER note_site AFTER UPDATE ON sites FOR EACH ROW
WHEN ((OLD.goals, OLD.timezone) IS DISTINCT FROM (NEW.goals, NEW.timezone)) EXECUTE FUNCTION note_site();
INSERT INTO changed_visits (site, session_start) SELECT DISTINCT site, date_trunc('minute', session_start) FROM sessions;

-- A theta sketch: below the largest hash that every day is sure to have kept, the union of the days is complete.
CREATE FUNCTION visitor_estimate(site_name text, first_day date, last_day date, with_bots boolean DEFAULT false)
RETURNS TABLE (visitor_count bigint, is_exact boolean, relative_error double precision)
LANGUAGE sql STABLE AS $$
  WITH days AS (
    SELECT
      smallest_hashes, visitor_count > cardinality(smallest_hashes) AS is_cut,
      smallest_hashes[cardinality(smallest_hashes)] AS largest
    FROM visitors_per_day
    WHERE site = site_name AND day BETWEEN first_day AND last_day AND (with_bots OR NOT is_bot)
  ),
  bound AS (SELECT min(largest) AS theta FROM days WHERE is_cut),
  kept AS (
    SELECT count(DISTINCT hash) AS n FROM days CROSS JOIN LATERAL unnest(smallest_hashes) AS hash CROSS JOIN bound
    WHERE theta IS NULL OR hash < theta
  )
  SELECT
    CASE WHEN theta IS NULL THEN n ELSE round(n / (theta / 18446744073709551616.0 + 0.5)) END::bigint,
    theta IS NULL,
    CASE WHEN theta IS NULL THEN 0 ELSE 1 / sqrt(n) END
  FROM kept CROSS JOIN bound
$$;
COMMENT ON FUNCTION visitor_estimate IS
  'distinct visitors of these days from their sketches: exact up to 4096 a day, else within twice relative_error 19 times of 20';

DROP VIEW traffic_per_day, traffic_per_hour;
GRANT SELECT ON traffic, visitors_per_day TO footfall_reader;
GRANT EXECUTE ON FUNCTION visitor_estimate TO footfall_reader;

-- migrate:down

DROP FUNCTION visitor_estimate;
DROP TRIGGER note_site ON sites;
DROP TRIGGER note_added_site ON sites;
DROP TRIGGER note_lost_goal ON visit_events;
DROP TRIGGER note_goal ON visit_events;
DROP TRIGGER note_visit ON sessions;
DROP FUNCTION note_site, refresh_traffic, visitor_hash, note_goal, note_visit;
DROP TABLE visitors_per_day, traffic, changed_visits;
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
GRANT SELECT ON traffic_per_hour, traffic_per_day TO footfall_reader;
