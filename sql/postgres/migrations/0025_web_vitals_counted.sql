-- Web Vitals of many days: how many page views were in each bucket of speed, by day, which can be added up where percentiles
-- can't (0022_histograms.sql). Up to eight days, percentiles are of the page views themselves.

-- migrate:up

CREATE TABLE changed_web_vitals (
  site text NOT NULL,
  event_time timestamptz NOT NULL
);
COMMENT ON TABLE changed_web_vitals IS 'one row per measured page view that was written since they were last counted';
COMMENT ON COLUMN changed_web_vitals.site IS 'site of the page';
COMMENT ON COLUMN changed_web_vitals.event_time IS 'when it was reported';

CREATE FUNCTION note_web_vitals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_web_vitals VALUES (OLD.site, OLD.event_time);
  END IF;
  IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (NEW.site, NEW.event_time) <> (OLD.site, OLD.event_time) THEN
    INSERT INTO changed_web_vitals VALUES (NEW.site, NEW.event_time);
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER note_web_vitals AFTER INSERT OR UPDATE OR DELETE ON web_vitals
FOR EACH ROW EXECUTE FUNCTION note_web_vitals();

CREATE TABLE web_vital_counts (
  site text NOT NULL,
  breakdown text NOT NULL,
  grain text NOT NULL,
  day date NOT NULL,
  page_path text,
  device_type text,
  measured_count bigint NOT NULL,
  lcp_ms integer[],
  inp_ms integer[],
  cls integer[]
);
CREATE INDEX ON web_vital_counts (site, breakdown, grain, day);
CREATE INDEX ON web_vital_counts (site, page_path, grain, day) WHERE breakdown = 'page';
COMMENT ON TABLE web_vital_counts IS
  'measured page views by day: choose one grain and one breakdown. A measure is an array of two rows: buckets, and how many were in each';
COMMENT ON COLUMN web_vital_counts.site IS 'site of the page';
COMMENT ON COLUMN web_vital_counts.breakdown IS 'device, or page: by page and device; each has all page views';
COMMENT ON COLUMN web_vital_counts.grain IS 'day of the site''s time zone; or week, from Monday, in the breakdown page alone';
COMMENT ON COLUMN web_vital_counts.day IS 'the day, or the first one of the week';
COMMENT ON COLUMN web_vital_counts.page_path IS 'path of the page; in the breakdown page';
COMMENT ON COLUMN web_vital_counts.device_type IS 'desktop, mobile, tablet, …';
COMMENT ON COLUMN web_vital_counts.measured_count IS 'page views whose speed was measured';
COMMENT ON COLUMN web_vital_counts.lcp_ms IS 'largest contentful paint in ms, by bucket_of; NULL where none was measured';
COMMENT ON COLUMN web_vital_counts.inp_ms IS 'interaction to next paint in ms, likewise';
COMMENT ON COLUMN web_vital_counts.cls IS 'cumulative layout shift, likewise';

-- The rows of web_vital_counts that the temporary table vital_buckets makes.
CREATE FUNCTION web_vital_rows() RETURNS SETOF web_vital_counts
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY
    SELECT
      b.site, b.breakdown, b.grain, b.day, b.page_path, b.device_type, sum(b.n) FILTER (WHERE measure = 'all')::bigint,
      CASE WHEN bool_or(measure = 'lcp') THEN ARRAY[
        array_agg(bucket ORDER BY bucket) FILTER (WHERE measure = 'lcp'),
        array_agg(b.n::integer ORDER BY bucket) FILTER (WHERE measure = 'lcp')
      ] END,
      CASE WHEN bool_or(measure = 'inp') THEN ARRAY[
        array_agg(bucket ORDER BY bucket) FILTER (WHERE measure = 'inp'),
        array_agg(b.n::integer ORDER BY bucket) FILTER (WHERE measure = 'inp')
      ] END,
      CASE WHEN bool_or(measure = 'cls') THEN ARRAY[
        array_agg(bucket ORDER BY bucket) FILTER (WHERE measure = 'cls'),
        array_agg(b.n::integer ORDER BY bucket) FILTER (WHERE measure = 'cls')
      ] END
    FROM vital_buckets AS b
    GROUP BY b.site, b.breakdown, b.grain, b.day, b.page_path, b.device_type;
END
$$;

CREATE FUNCTION refresh_web_vitals() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  days bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('refresh_web_vitals'));
  IF NOT EXISTS (SELECT FROM changed_web_vitals) THEN
    RETURN 0;
  END IF;
  CREATE TEMPORARY TABLE changed_vital_days ON COMMIT DROP AS
    WITH notes AS (DELETE FROM changed_web_vitals RETURNING *),
    minutes AS (SELECT DISTINCT site, date_trunc('minute', event_time) AS minute FROM notes)
    SELECT site, day, date_trunc('week', day::timestamp)::date AS week
    FROM (SELECT DISTINCT site, (minute AT TIME ZONE zone_of(site))::date AS day FROM minutes) AS d;
  GET DIAGNOSTICS days = ROW_COUNT;
  ANALYZE changed_vital_days;

  CREATE TEMPORARY TABLE vital_buckets ON COMMIT DROP AS
    SELECT
      c.site, CASE grouping(v.page_path) WHEN 0 THEN 'page' ELSE 'device' END AS breakdown, 'day' AS grain, c.day,
      v.page_path, v.device_type, m.measure, m.bucket, count(*) AS n
    FROM changed_vital_days AS c
    CROSS JOIN LATERAL (
      SELECT * FROM web_vitals AS w WHERE w.site = c.site
        AND w.event_time >= midnight_of(c.site, c.day) AND w.event_time < midnight_of(c.site, c.day + 1) OFFSET 0
    ) AS v
    CROSS JOIN LATERAL (VALUES
      ('all', 0), ('lcp', bucket_of(v.lcp_ms::float8)), ('inp', bucket_of(v.inp_ms::float8)), ('cls', bucket_of(v.cls::float8))
    ) AS m (measure, bucket)
    WHERE m.bucket IS NOT NULL
    GROUP BY GROUPING SETS (
      (c.site, c.day, v.page_path, v.device_type, m.measure, m.bucket), (c.site, c.day, v.device_type, m.measure, m.bucket)
    );
  DELETE FROM web_vital_counts AS w USING changed_vital_days AS c
  WHERE w.site = c.site AND w.grain = 'day' AND w.day = c.day;
  INSERT INTO web_vital_counts SELECT * FROM web_vital_rows();

  TRUNCATE vital_buckets;
  INSERT INTO vital_buckets
  SELECT w.site, w.breakdown, 'week', c.week, w.page_path, w.device_type, m.measure, u.bucket, sum(u.n)
  FROM (SELECT DISTINCT site, week FROM changed_vital_days) AS c
  JOIN web_vital_counts AS w
    ON w.site = c.site AND w.breakdown = 'page' AND w.grain = 'day' AND w.day BETWEEN c.week AND c.week + 6
  CROSS JOIN LATERAL (VALUES
    ('all', ARRAY[ARRAY[0], ARRAY[w.measured_count::integer]]), ('lcp', w.lcp_ms), ('inp', w.inp_ms), ('cls', w.cls)
  ) AS m (measure, counts)
  CROSS JOIN LATERAL unnest(m.counts[1:1], m.counts[2:2]) AS u (bucket, n)
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;
  DELETE FROM web_vital_counts AS w USING changed_vital_days AS c
  WHERE w.site = c.site AND w.grain = 'week' AND w.day = c.week;
  INSERT INTO web_vital_counts SELECT * FROM web_vital_rows();
  RETURN days;
END
$$;
COMMENT ON FUNCTION refresh_web_vitals IS
  'count anew the days and weeks of which a measured page view was written since the last call; returns how many days';

CREATE FUNCTION note_zone_of_web_vitals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    NEW := OLD;
  END IF;
  DELETE FROM web_vital_counts WHERE site = NEW.site;
  INSERT INTO changed_web_vitals
  SELECT DISTINCT site, date_trunc('minute', event_time) FROM web_vitals WHERE site = NEW.site;
  RETURN NULL;
END
$$;
CREATE TRIGGER note_added_zone_of_web_vitals AFTER INSERT OR DELETE ON sites
FOR EACH ROW EXECUTE FUNCTION note_zone_of_web_vitals();
CREATE TRIGGER note_zone_of_web_vitals AFTER UPDATE ON sites FOR EACH ROW
WHEN (OLD.timezone <> NEW.timezone) EXECUTE FUNCTION note_zone_of_web_vitals();
INSERT INTO changed_web_vitals SELECT DISTINCT site, date_trunc('minute', event_time) FROM web_vitals;

-- '%' stands for all pages and devices, as in the variables of dashboards.
CREATE FUNCTION web_vital(
  measure text, site_name text, begins timestamptz, ends timestamptz, page text DEFAULT '%', device text DEFAULT '%',
  every interval DEFAULT NULL
)
RETURNS TABLE (period_start timestamptz, measured_count bigint, percentiles double precision[])
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  IF grain_of(begins, ends) = 'hour' THEN
    RETURN QUERY
      SELECT
        coalesce(to_timestamp(floor(extract(epoch FROM event_time) / step) * step), begins), count(*),
        percentile_cont('{0.5, 0.75, 0.95}'::float8[]) WITHIN GROUP (ORDER BY value)
      FROM (
        SELECT
          event_time, extract(epoch FROM every) AS step,
          CASE measure WHEN 'lcp_ms' THEN lcp_ms WHEN 'inp_ms' THEN inp_ms WHEN 'cls' THEN cls END::float8 AS value
        FROM web_vitals
        WHERE site = site_name AND event_time BETWEEN begins AND ends AND page IN ('%', page_path)
          AND device IN ('%', device_type)
      ) AS v
      GROUP BY 1 ORDER BY 1;
  ELSE
    RETURN QUERY
      WITH days AS (
        SELECT
          CASE WHEN every IS NULL THEN begins ELSE midnight_of(site_name, day) END AS period_start, measured_count,
          CASE measure WHEN 'lcp_ms' THEN lcp_ms WHEN 'inp_ms' THEN inp_ms WHEN 'cls' THEN cls END AS counts
        FROM web_vital_counts
        WHERE site = site_name AND breakdown = CASE page WHEN '%' THEN 'device' ELSE 'page' END AND grain = 'day'
          AND day >= (begins AT TIME ZONE zone_of(site_name))::date AND midnight_of(site_name, day) < ends
          AND (page = '%' OR page_path = page) AND device IN ('%', device_type)
      )
      SELECT n.period_start, n.measured_count, p.percentiles
      FROM (SELECT period_start, sum(measured_count)::bigint AS measured_count FROM days GROUP BY 1) AS n
      LEFT JOIN (
        SELECT period_start, bucket_percentiles(array_agg(bucket), array_agg(n), '{0.5, 0.75, 0.95}') AS percentiles
        FROM (
          SELECT period_start, bucket, sum(u.n)::bigint AS n
          FROM days CROSS JOIN LATERAL unnest(counts[1:1], counts[2:2]) AS u (bucket, n)
          GROUP BY 1, 2
        ) AS b
        GROUP BY 1
      ) AS p USING (period_start)
      ORDER BY 1;
  END IF;
END
$$;
COMMENT ON FUNCTION web_vital IS
  'measured page views, and the 50th, 75th and 95th percentile of lcp_ms, inp_ms or cls, of all of these times or in such steps; over eight days, of the days that they touch, by the day, within 1 %';

CREATE FUNCTION web_vitals_by_page(
  site_name text, begins timestamptz, ends timestamptz, page text DEFAULT '%', device text DEFAULT '%', most integer DEFAULT 50
)
RETURNS TABLE (
  page_path text, device_type text, measured_count bigint, lcp_ms double precision, inp_ms double precision,
  cls double precision
)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  first_day CONSTANT date := (begins AT TIME ZONE zone_of(site_name))::date;
  last_day CONSTANT date := ((ends - INTERVAL '1 microsecond') AT TIME ZONE zone_of(site_name))::date;
BEGIN
  IF grain_of(begins, ends) = 'hour' THEN
    RETURN QUERY
      SELECT
        page_path, device_type, count(*), percentile_cont(0.75) WITHIN GROUP (ORDER BY lcp_ms::float8),
        percentile_cont(0.75) WITHIN GROUP (ORDER BY inp_ms::float8),
        percentile_cont(0.75) WITHIN GROUP (ORDER BY cls::float8)
      FROM web_vitals
      WHERE site = site_name AND event_time BETWEEN begins AND ends AND page IN ('%', page_path)
        AND device IN ('%', device_type)
      GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT most;
  ELSE
    RETURN QUERY
      WITH counts AS MATERIALIZED (  -- whole weeks, and the days around them
        SELECT w.*, dense_rank() OVER (ORDER BY of_pair DESC, page_path, device_type) AS place FROM (
          SELECT *, sum(measured_count) OVER (PARTITION BY page_path, device_type) AS of_pair FROM web_vital_counts
          WHERE site = site_name AND breakdown = 'page' AND (page = '%' OR page_path = page) AND device IN ('%', device_type)
            AND (
              grain = 'week' AND day >= first_day AND day + 6 <= last_day
              OR grain = 'day' AND day BETWEEN first_day AND last_day
                AND NOT (date_trunc('week', day::timestamp) >= first_day AND date_trunc('week', day::timestamp)::date + 6 <= last_day)
            )
        ) AS w
      ),
      percentiles AS (
        SELECT place, measure, (bucket_percentiles(array_agg(bucket), array_agg(n), '{0.75}'))[1] AS value
        FROM (
          SELECT place, measure, bucket, sum(u.n)::bigint AS n
          FROM counts
          CROSS JOIN LATERAL (VALUES ('lcp', lcp_ms), ('inp', inp_ms), ('cls', cls)) AS m (measure, counts)
          CROSS JOIN LATERAL unnest(m.counts[1:1], m.counts[2:2]) AS u (bucket, n)
          WHERE place <= most
          GROUP BY 1, 2, 3
        ) AS b
        GROUP BY 1, 2
      )
      SELECT
        c.page_path, c.device_type, c.of_pair::bigint, max(value) FILTER (WHERE measure = 'lcp'),
        max(value) FILTER (WHERE measure = 'inp'), max(value) FILTER (WHERE measure = 'cls')
      FROM (SELECT DISTINCT place, page_path, device_type, of_pair FROM counts WHERE place <= most) AS c
      LEFT JOIN percentiles AS p USING (place)
      GROUP BY c.place, c.page_path, c.device_type, c.of_pair ORDER BY c.place;
  END IF;
END
$$;
COMMENT ON FUNCTION web_vitals_by_page IS
  'the 75th percentile of each measure by page and device, of those that were measured most; over eight days, of the days that these times touch, within 1 %';

GRANT SELECT ON web_vital_counts TO footfall_reader;
GRANT EXECUTE ON FUNCTION web_vital, web_vitals_by_page TO footfall_reader;

-- migrate:down

DROP FUNCTION web_vitals_by_page, web_vital;
DROP TRIGGER note_zone_of_web_vitals ON sites;
DROP TRIGGER note_added_zone_of_web_vitals ON sites;
DROP TRIGGER note_web_vitals ON web_vitals;
DROP FUNCTION note_zone_of_web_vitals, refresh_web_vitals, web_vital_rows, note_web_vitals;
DROP TABLE web_vital_counts, changed_web_vitals;
