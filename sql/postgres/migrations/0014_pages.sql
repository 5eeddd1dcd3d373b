-- Page views and the time spent on pages, added up by hour and day of the site's time zone; and what dashboards ask of
-- all that is added up: the hours of a short stretch of time, the days of a long one.

-- migrate:up

CREATE TABLE changed_pages (
  site text NOT NULL,
  window_start timestamptz NOT NULL
);
COMMENT ON TABLE changed_pages IS 'one row per row of a page''s minute that was written since pages was last counted';
COMMENT ON COLUMN changed_pages.site IS 'site of the page';
COMMENT ON COLUMN changed_pages.window_start IS 'start of the minute';

CREATE FUNCTION note_page() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    NEW := OLD;
  END IF;
  INSERT INTO changed_pages VALUES (NEW.site, NEW.window_start);
  RETURN NULL;
END
$$;
CREATE TRIGGER note_page AFTER INSERT OR UPDATE OR DELETE ON page_views_per_minute
FOR EACH ROW EXECUTE FUNCTION note_page();
CREATE TRIGGER note_page AFTER INSERT OR UPDATE OR DELETE ON engagement_per_minute
FOR EACH ROW EXECUTE FUNCTION note_page();

CREATE TABLE pages (
  site text NOT NULL,
  grain text NOT NULL,
  period_start timestamptz NOT NULL,
  page_path text NOT NULL,
  page_view_count bigint NOT NULL,
  engaged_ms bigint NOT NULL,
  depth_count bigint NOT NULL,
  depth_sum bigint NOT NULL,
  PRIMARY KEY (site, grain, period_start, page_path)
);
COMMENT ON TABLE pages IS 'page views and engagement added up by the hour or day: choose one grain';
COMMENT ON COLUMN pages.site IS 'site that was visited';
COMMENT ON COLUMN pages.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN pages.period_start IS 'start of the hour or day';
COMMENT ON COLUMN pages.page_path IS 'path of the page; empty where the event names no page';
COMMENT ON COLUMN pages.page_view_count IS 'events of type page or screen';
COMMENT ON COLUMN pages.engaged_ms IS 'time in ms that the page was visible and in use, of all visitors';
COMMENT ON COLUMN pages.depth_count IS 'reports of how far somebody scrolled';
COMMENT ON COLUMN pages.depth_sum IS 'sum of these depths, each in percent of the page';

CREATE FUNCTION refresh_pages() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  hours bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('refresh_pages'));
  IF NOT EXISTS (SELECT FROM changed_pages) THEN
    RETURN 0;
  END IF;
  CREATE TEMPORARY TABLE changed_page_hours ON COMMIT DROP AS
    WITH notes AS (DELETE FROM changed_pages RETURNING *),
    minutes AS (SELECT DISTINCT site, window_start FROM notes)
    SELECT DISTINCT
      site, zone_of(site) AS zone, date_trunc('hour', window_start, zone_of(site)) AS hour,
      (window_start AT TIME ZONE zone_of(site))::date AS day
    FROM minutes;
  GET DIAGNOSTICS hours = ROW_COUNT;

  DELETE FROM pages AS p USING changed_page_hours AS c
  WHERE p.site = c.site AND p.grain = 'hour' AND p.period_start = c.hour;
  INSERT INTO pages
  SELECT
    c.site, 'hour', c.hour, m.page_path, sum(m.page_view_count), sum(m.engaged_ms), sum(m.depth_count), sum(m.depth_sum)
  FROM changed_page_hours AS c
  CROSS JOIN LATERAL (
    SELECT site, window_start, page_path, page_view_count, 0 AS engaged_ms, 0 AS depth_count, 0 AS depth_sum
    FROM page_views_per_minute AS v
    WHERE v.site = c.site AND v.window_start >= c.hour - INTERVAL '1 hour' AND v.window_start < c.hour + INTERVAL '2 hours'
    UNION ALL
    SELECT site, window_start, page_path, 0, engaged_ms, depth_count, depth_sum FROM engagement_per_minute AS e
    WHERE e.site = c.site AND e.window_start >= c.hour - INTERVAL '1 hour' AND e.window_start < c.hour + INTERVAL '2 hours'
  ) AS m
  WHERE date_trunc('hour', m.window_start, c.zone) = c.hour
  GROUP BY c.site, c.hour, m.page_path;

  DELETE FROM pages AS p USING (SELECT DISTINCT site, day FROM changed_page_hours) AS c
  WHERE p.site = c.site AND p.grain = 'day' AND p.period_start = midnight_of(c.site, c.day);
  INSERT INTO pages
  SELECT
    c.site, 'day', midnight_of(c.site, c.day), p.page_path, sum(p.page_view_count), sum(p.engaged_ms), sum(p.depth_count),
    sum(p.depth_sum)
  FROM (SELECT DISTINCT site, day FROM changed_page_hours) AS c
  JOIN pages AS p ON p.site = c.site AND p.grain = 'hour'
    AND p.period_start >= midnight_of(c.site, c.day) AND p.period_start < midnight_of(c.site, c.day + 1)
  GROUP BY c.site, c.day, p.page_path;
  RETURN hours;
END
$$;
COMMENT ON FUNCTION refresh_pages IS
  'count anew the hours and days of pages of which a minute was written since the last call; returns how many hours';

CREATE FUNCTION note_zone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    NEW := OLD;
  END IF;
  DELETE FROM pages WHERE site = NEW.site;
  INSERT INTO changed_pages
  SELECT site, window_start FROM page_views_per_minute WHERE site = NEW.site
  UNION
  SELECT site, window_start FROM engagement_per_minute WHERE site = NEW.site;
  RETURN NULL;
END
$$;
CREATE TRIGGER note_added_zone AFTER INSERT OR DELETE ON sites FOR EACH ROW EXECUTE FUNCTION note_zone();
CREATE TRIGGER note_zone AFTER UPDATE ON sites FOR EACH ROW
WHEN (OLD.timezone <> NEW.timezone) EXECUTE FUNCTION note_zone();
INSERT INTO changed_pages
SELECT site, window_start FROM page_views_per_minute
UNION
SELECT site, window_start FROM engagement_per_minute;

-- One rule for every panel: over eight days, days; else hours. The first of them is the one in which the time begins.
CREATE FUNCTION grain_of(begins timestamptz, ends timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN ends > begins + INTERVAL '192 hours' THEN 'day' ELSE 'hour' END
$$;

CREATE FUNCTION traffic_between(site_name text, begins timestamptz, ends timestamptz, told_apart text)
RETURNS SETOF traffic
LANGUAGE sql STABLE AS $$
  SELECT * FROM traffic
  WHERE site = site_name AND grain = grain_of(begins, ends) AND breakdown = told_apart
    AND period_start >= date_trunc(grain_of(begins, ends), begins, zone_of(site_name)) AND period_start < ends
$$;
COMMENT ON FUNCTION traffic_between IS
  'the hours of traffic that these times touch, in one breakdown; over eight days, the days';

CREATE FUNCTION pages_between(site_name text, begins timestamptz, ends timestamptz) RETURNS SETOF pages
LANGUAGE sql STABLE AS $$
  SELECT * FROM pages
  WHERE site = site_name AND grain = grain_of(begins, ends)
    AND period_start >= date_trunc(grain_of(begins, ends), begins, zone_of(site_name)) AND period_start < ends
$$;
COMMENT ON FUNCTION pages_between IS 'the hours of pages that these times touch; over eight days, the days';

CREATE VIEW site_names AS
SELECT site FROM sites
UNION
SELECT site FROM visitors_per_day;
COMMENT ON VIEW site_names IS 'the sites that were added, or have visits';

GRANT SELECT ON pages, site_names TO footfall_reader;
GRANT EXECUTE ON FUNCTION grain_of, traffic_between, pages_between TO footfall_reader;

-- migrate:down

DROP VIEW site_names;
DROP FUNCTION pages_between, traffic_between, grain_of;
DROP TRIGGER note_zone ON sites;
DROP TRIGGER note_added_zone ON sites;
DROP TRIGGER note_page ON page_views_per_minute;
DROP TRIGGER note_page ON engagement_per_minute;
DROP FUNCTION note_zone, refresh_pages, note_page;
DROP TABLE pages, changed_pages;
