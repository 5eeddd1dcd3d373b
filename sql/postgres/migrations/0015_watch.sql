-- What watches over the data. Anomalies as rows, which alerts and annotations read: the rule stays that of
-- 0011_anomalies.sql; `refresh_anomalies` judges each minute once, and once more when a minute from which it follows was
-- written again. Wrong clocks by library, and partitions of the topic without data.

-- migrate:up

-- The same band, for weeks of minutes at once: the deviation by a join, where it was a search of its own each minute.
CREATE OR REPLACE FUNCTION traffic_band(site_name text, begins timestamptz, ends timestamptz, weeks integer DEFAULT 4)
RETURNS TABLE (minute timestamptz, page_view_count bigint, expected double precision, deviation double precision)
LANGUAGE sql STABLE AS $$
  WITH minutes AS (
    SELECT m FROM generate_series(date_trunc('minute', begins), ends - INTERVAL '1 microsecond', INTERVAL '1 minute') AS m
  ),
  since AS (SELECT min(window_start) AS first_minute FROM page_views_per_minute WHERE site = site_name),
  wanted AS (
    SELECT m, 0 AS week, m AS source FROM minutes
    UNION ALL
    -- The same time of day: across a change of daylight saving, that is not a multiple of 24 hours ago.
    SELECT m, w, (m AT TIME ZONE zone_of(site_name) - w * INTERVAL '7 days') AT TIME ZONE zone_of(site_name)
    FROM minutes CROSS JOIN generate_series(1, weeks) AS w
  ),
  counted AS (
    SELECT w.m, w.week, coalesce(sum(p.page_view_count), 0)::bigint AS n
    FROM wanted AS w CROSS JOIN since
    LEFT JOIN page_views_per_minute AS p ON p.site = site_name AND p.window_start = w.source
    WHERE w.week = 0 OR w.source >= since.first_minute
    GROUP BY w.m, w.week
  ),
  medians AS (
    SELECT
      m, max(n) FILTER (WHERE week = 0) AS n, count(*) FILTER (WHERE week > 0) AS past,
      percentile_cont(0.5) WITHIN GROUP (ORDER BY n::float8) FILTER (WHERE week > 0) AS median
    FROM counted GROUP BY m
  )
  SELECT
    d.m, d.n, d.median,
    -- 1.4826 makes of a median deviation a standard deviation; counts scatter by their root at least.
    greatest(
      1.4826 * percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(c.n - d.median)),
      sqrt(d.median), 1)
  FROM medians AS d JOIN counted AS c ON c.m = d.m AND c.week > 0
  WHERE d.past >= 2
  GROUP BY d.m, d.n, d.median
  ORDER BY d.m
$$;

CREATE FUNCTION unusual_minutes(
  site_name text, begins timestamptz, ends timestamptz, weeks integer DEFAULT 4, tolerance double precision DEFAULT 4
)
RETURNS TABLE (minute timestamptz, direction text, page_view_count bigint, expected double precision,
  size double precision)
LANGUAGE sql STABLE AS $$
  SELECT
    minute, CASE WHEN page_view_count > expected THEN 'more' ELSE 'fewer' END, page_view_count, expected,
    abs(page_view_count - expected) / deviation
  FROM traffic_band(site_name, begins, ends, weeks)
  WHERE abs(page_view_count - expected) > tolerance * deviation
$$;
COMMENT ON FUNCTION unusual_minutes IS
  'minutes with more or fewer page views than the band allows, with their distance from what is expected in deviations';

CREATE OR REPLACE FUNCTION anomalies(
  site_name text, begins timestamptz, ends timestamptz, weeks integer DEFAULT 4, tolerance double precision DEFAULT 4
)
RETURNS TABLE (started timestamptz, ended timestamptz, direction text, page_view_count bigint, expected double precision,
  size double precision)
LANGUAGE sql STABLE AS $$
  WITH runs AS (
    SELECT *, minute - row_number() OVER (PARTITION BY u.direction ORDER BY minute) * INTERVAL '1 minute' AS run
    FROM unusual_minutes(site_name, begins, ends, weeks, tolerance) AS u
  )
  SELECT
    min(minute), max(minute) + INTERVAL '1 minute', r.direction, sum(r.page_view_count)::bigint, sum(r.expected),
    max(r.size)
  FROM runs AS r GROUP BY r.direction, run ORDER BY 1
$$;

CREATE TABLE anomalies (
  site text NOT NULL,
  metric text NOT NULL,
  started timestamptz NOT NULL,
  ended timestamptz,
  direction text NOT NULL,
  minute_count bigint NOT NULL,
  actual bigint NOT NULL,
  expected double precision NOT NULL,
  size double precision NOT NULL,
  worst_minute timestamptz NOT NULL,
  worst_value bigint NOT NULL,
  PRIMARY KEY (site, metric, started)
);
COMMENT ON TABLE anomalies IS
  'one row per run of minutes with more or fewer of something than the last weeks let expect; written by refresh_anomalies';
COMMENT ON COLUMN anomalies.site IS 'site that was visited';
COMMENT ON COLUMN anomalies.metric IS 'what was counted: page views';
COMMENT ON COLUMN anomalies.started IS 'start of its first minute';
COMMENT ON COLUMN anomalies.ended IS 'end of its last minute; NULL while the newest minute that was judged is one of it';
COMMENT ON COLUMN anomalies.direction IS 'more or fewer than expected';
COMMENT ON COLUMN anomalies.minute_count IS 'minutes that it has lasted';
COMMENT ON COLUMN anomalies.actual IS 'how many there were in these minutes';
COMMENT ON COLUMN anomalies.expected IS 'how many the band lets expect in them: the sum of the medians';
COMMENT ON COLUMN anomalies.size IS 'distance of the worst minute from what was expected in it, in deviations';
COMMENT ON COLUMN anomalies.worst_minute IS 'start of the minute that is furthest off; the first of several';
COMMENT ON COLUMN anomalies.worst_value IS 'how many there were in the worst minute';
INSERT INTO retention (table_name, keep) VALUES ('anomalies', NULL);

CREATE TABLE judged_sites (
  site text PRIMARY KEY,
  zone text NOT NULL,
  first_minute timestamptz NOT NULL,
  judged_until timestamptz NOT NULL
);
COMMENT ON TABLE judged_sites IS 'one row per site with page views: up to when its minutes are judged, and by what';
COMMENT ON COLUMN judged_sites.site IS 'site that was visited';
COMMENT ON COLUMN judged_sites.zone IS 'time zone by which the same minute of the last weeks was found';
COMMENT ON COLUMN judged_sites.first_minute IS 'first minute with a page view: what is before it is not known';
COMMENT ON COLUMN judged_sites.judged_until IS 'end of the last minute whose anomaly, if it is one, is in anomalies';

CREATE TABLE changed_minutes (
  site text NOT NULL,
  window_start timestamptz NOT NULL
);
COMMENT ON TABLE changed_minutes IS
  'one row per row of page_views_per_minute that was written since anomalies were last looked for';
COMMENT ON COLUMN changed_minutes.site IS 'site that was visited';
COMMENT ON COLUMN changed_minutes.window_start IS 'start of the minute';

CREATE FUNCTION note_minute() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    NEW := OLD;
  ELSIF TG_OP = 'UPDATE' AND (NEW.site, NEW.window_start) <> (OLD.site, OLD.window_start) THEN
    INSERT INTO changed_minutes VALUES (OLD.site, OLD.window_start);
  ELSIF TG_OP = 'UPDATE' AND NEW.page_view_count = OLD.page_view_count THEN
    RETURN NULL;  -- the same row again, such as after a restart
  END IF;
  INSERT INTO changed_minutes VALUES (NEW.site, NEW.window_start);
  RETURN NULL;
END
$$;
CREATE TRIGGER note_minute AFTER INSERT OR UPDATE OR DELETE ON page_views_per_minute
FOR EACH ROW EXECUTE FUNCTION note_minute();
INSERT INTO changed_minutes SELECT site, min(window_start) FROM page_views_per_minute GROUP BY site;

CREATE FUNCTION refresh_anomalies(moment timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  here record;
  begins timestamptz;
  ends timestamptz;
  minutes bigint := 0;
BEGIN
  -- One at a time: a second would find the notes gone and think that all is judged.
  PERFORM pg_advisory_xact_lock(hashtext('refresh_anomalies'));
  FOR here IN
    WITH notes AS (DELETE FROM changed_minutes RETURNING *),
    changed AS (SELECT site, min(window_start) AS since FROM notes GROUP BY site)
    SELECT
      site, zone_of(site) AS zone, since, j.zone AS former_zone, j.first_minute AS former_first, j.judged_until,
      (SELECT min(p.window_start) FROM page_views_per_minute AS p WHERE p.site = s.site) AS first_minute
    FROM (SELECT site FROM changed UNION SELECT site FROM judged_sites) AS s
    LEFT JOIN changed USING (site) LEFT JOIN judged_sites AS j USING (site)
    ORDER BY site
  LOOP
    IF here.first_minute IS NULL THEN  -- nothing is left of it to say what was unusual
      DELETE FROM anomalies WHERE site = here.site;
      DELETE FROM judged_sites WHERE site = here.site;
      CONTINUE;
    END IF;
    -- A minute is written some 70 s after its end.
    ends := date_trunc('minute', moment - INTERVAL '3 minutes');
    IF here.judged_until IS NULL OR here.zone <> here.former_zone OR here.first_minute < here.former_first THEN
      begins := here.first_minute;
    ELSE
      -- A minute decides about itself and about the weeks behind it.
      begins := least(here.judged_until, here.since);
    END IF;
    -- The run that this goes through is told anew from its start; the one that it follows goes on.
    SELECT coalesce(min(started), begins) INTO begins FROM anomalies
    WHERE site = here.site AND started < begins AND coalesce(ended, here.judged_until) > begins;
    -- Four weeks a call at most, some seconds: after years of history were loaded, traffic and pages go on in between.
    ends := greatest(begins, least(ends, begins + INTERVAL '28 days'));
    DELETE FROM anomalies WHERE site = here.site AND started >= begins;

    WITH odd AS (
      SELECT *, minute - row_number() OVER (PARTITION BY direction ORDER BY minute) * INTERVAL '1 minute' AS run
      FROM unusual_minutes(here.site, begins, ends)
    )
    INSERT INTO anomalies
    SELECT
      here.site, 'page views', min(minute), nullif(max(minute) + INTERVAL '1 minute', ends), direction, count(*),
      sum(page_view_count), sum(expected), max(size), (array_agg(minute ORDER BY size DESC, minute))[1],
      (array_agg(page_view_count ORDER BY size DESC, minute))[1]
    FROM odd GROUP BY direction, run;

    IF ends > begins THEN
      WITH more AS (
        DELETE FROM anomalies AS a USING anomalies AS before
        WHERE a.site = here.site AND a.started = begins AND before.site = a.site AND before.metric = a.metric
          AND before.started < begins AND coalesce(before.ended, begins) = begins AND before.direction = a.direction
        RETURNING a.*, before.started AS since
      )
      UPDATE anomalies AS a SET
        ended = more.ended,
        minute_count = a.minute_count + more.minute_count,
        actual = a.actual + more.actual,
        expected = a.expected + more.expected,
        size = greatest(a.size, more.size),
        worst_minute = CASE WHEN more.size > a.size THEN more.worst_minute ELSE a.worst_minute END,
        worst_value = CASE WHEN more.size > a.size THEN more.worst_value ELSE a.worst_value END
      FROM more WHERE a.site = more.site AND a.metric = more.metric AND a.started = more.since;
      UPDATE anomalies AS a SET ended = begins
      WHERE a.site = here.site AND a.ended IS NULL AND a.started < begins
        AND a.started + a.minute_count * INTERVAL '1 minute' = begins;
    END IF;
    INSERT INTO judged_sites VALUES (here.site, here.zone, here.first_minute, ends)
    ON CONFLICT (site) DO UPDATE SET
      zone = EXCLUDED.zone, first_minute = EXCLUDED.first_minute, judged_until = EXCLUDED.judged_until;
    minutes := minutes + extract(epoch FROM ends - begins) / 60;
  END LOOP;
  RETURN minutes;
END
$$;
COMMENT ON FUNCTION refresh_anomalies IS
  'judge the minutes of each site that are new or follow from changed ones, four weeks a call at most; returns how many';

ALTER TABLE arrivals_per_minute
  ADD COLUMN wrong_clock_count bigint NOT NULL DEFAULT 0,
  ADD COLUMN clock_error_ms bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN arrivals_per_minute.wrong_clock_count IS
  'those whose sender''s clock was five minutes and more off, so that their time was corrected';
COMMENT ON COLUMN arrivals_per_minute.clock_error_ms IS
  'sum of what the times of these were corrected by in ms, whichever way';

CREATE TABLE last_records (
  kafka_partition integer NOT NULL,
  kind text NOT NULL,
  kafka_offset bigint NOT NULL,
  kafka_time timestamptz NOT NULL,
  PRIMARY KEY (kafka_partition, kind)
);
COMMENT ON TABLE last_records IS 'one row per Kafka partition and kind of record, the last that it got.';
COMMENT ON COLUMN last_records.kafka_partition IS 'partition of the topic';
COMMENT ON COLUMN last_records.kind IS 'event or heartbeat';
COMMENT ON COLUMN last_records.kafka_offset IS 'place of the record in its partition';
COMMENT ON COLUMN last_records.kafka_time IS 'when the broker appended it, UTC';

CREATE VIEW kafka_partitions AS
SELECT
  p.kafka_partition, e.kafka_time AS last_event, h.kafka_time AS last_heartbeat,
  CASE
    WHEN e.kafka_time > now() - INTERVAL '5 minutes' THEN 'events'
    WHEN h.kafka_time > now() - INTERVAL '5 minutes' THEN 'heartbeats alone'
    ELSE 'nothing'
  END AS gets
-- One that never got anything is between others that did: partitions have numbers from 0.
FROM (SELECT generate_series(0, max(kafka_partition)) AS kafka_partition FROM last_records) AS p
LEFT JOIN last_records AS e ON e.kafka_partition = p.kafka_partition AND e.kind = 'event'
LEFT JOIN last_records AS h ON h.kafka_partition = p.kafka_partition AND h.kind = 'heartbeat';
COMMENT ON VIEW kafka_partitions IS
  'one row per partition of the topic: when it got its last event and heartbeat, and what it got in the last five minutes';

GRANT SELECT, INSERT, UPDATE ON last_records TO footfall_writer;
GRANT SELECT ON anomalies, judged_sites, last_records, kafka_partitions TO footfall_reader;
GRANT EXECUTE ON FUNCTION unusual_minutes TO footfall_reader;

-- migrate:down

DROP VIEW kafka_partitions;
DROP TABLE last_records;
ALTER TABLE arrivals_per_minute DROP COLUMN clock_error_ms, DROP COLUMN wrong_clock_count;
DROP TRIGGER note_minute ON page_views_per_minute;
DROP FUNCTION refresh_anomalies, note_minute;
DELETE FROM retention WHERE table_name = 'anomalies';
DROP TABLE changed_minutes, judged_sites, anomalies;
CREATE OR REPLACE FUNCTION traffic_band(site_name text, begins timestamptz, ends timestamptz, weeks integer DEFAULT 4)
RETURNS TABLE (minute timestamptz, page_view_count bigint, expected double precision, deviation double precision)
LANGUAGE sql STABLE AS $$
  WITH minutes AS (
    SELECT m FROM generate_series(date_trunc('minute', begins), ends - INTERVAL '1 microsecond', INTERVAL '1 minute') AS m
  ),
  since AS (SELECT min(window_start) AS first_minute FROM page_views_per_minute WHERE site = site_name),
  wanted AS (
    SELECT m, 0 AS week, m AS source FROM minutes
    UNION ALL
    -- The same time of day: across a change of daylight saving, that is not a multiple of 24 hours ago.
    SELECT m, w, (m AT TIME ZONE zone_of(site_name) - w * INTERVAL '7 days') AT TIME ZONE zone_of(site_name)
    FROM minutes CROSS JOIN generate_series(1, weeks) AS w
  ),
  counted AS (
    SELECT w.m, w.week, coalesce(sum(p.page_view_count), 0)::bigint AS n
    FROM wanted AS w CROSS JOIN since
    LEFT JOIN page_views_per_minute AS p ON p.site = site_name AND p.window_start = w.source
    WHERE w.week = 0 OR w.source >= since.first_minute
    GROUP BY w.m, w.week
  ),
  medians AS (
    SELECT
      m, max(n) FILTER (WHERE week = 0) AS n, count(*) FILTER (WHERE week > 0) AS past,
      percentile_cont(0.5) WITHIN GROUP (ORDER BY n::float8) FILTER (WHERE week > 0) AS median
    FROM counted GROUP BY m
  )
  SELECT
    d.m, d.n, d.median,
    -- 1.4826 makes of a median deviation a standard deviation; counts scatter by their root at least.
    greatest(
      1.4826 * (
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(c.n - d.median)) FROM counted AS c
        WHERE c.m = d.m AND c.week > 0
      ),
      sqrt(d.median), 1)
  FROM medians AS d
  WHERE d.past >= 2
  ORDER BY d.m
$$;
CREATE OR REPLACE FUNCTION anomalies(
  site_name text, begins timestamptz, ends timestamptz, weeks integer DEFAULT 4, tolerance double precision DEFAULT 4
)
RETURNS TABLE (started timestamptz, ended timestamptz, direction text, page_view_count bigint, expected double precision,
  size double precision)
LANGUAGE sql STABLE AS $$
  WITH odd AS (
    SELECT
      minute, b.page_view_count AS n, b.expected AS e, sign(b.page_view_count - b.expected) AS side,
      abs(b.page_view_count - b.expected) / deviation AS score
    FROM traffic_band(site_name, begins, ends, weeks) AS b
    WHERE abs(b.page_view_count - b.expected) > tolerance * deviation
  ),
  runs AS (
    SELECT *, minute - row_number() OVER (PARTITION BY side ORDER BY minute) * INTERVAL '1 minute' AS run FROM odd
  )
  SELECT
    min(minute), max(minute) + INTERVAL '1 minute', CASE WHEN side > 0 THEN 'more' ELSE 'fewer' END, sum(n)::bigint, sum(e),
    max(score)
  FROM runs GROUP BY side, run ORDER BY 1
$$;
DROP FUNCTION unusual_minutes;
