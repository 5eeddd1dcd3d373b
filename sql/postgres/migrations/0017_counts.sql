-- Clicks, arrivals, custom events, actions and links added up by hour and day of the site's time zone, as traffic and pages
-- are (docs/decisions/0008): from notes that who writes a row leaves in the same transaction. What is shorter than six
-- hours is told by the minutes themselves.

-- migrate:up

CREATE TABLE changed_counts (
  counted text NOT NULL,
  site text NOT NULL,
  happened_at timestamptz NOT NULL
);
COMMENT ON TABLE changed_counts IS 'one row per row that was written since what is made of it was last counted';
COMMENT ON COLUMN changed_counts.counted IS 'table that its hour is to be counted anew in';
COMMENT ON COLUMN changed_counts.site IS 'site of the row';
COMMENT ON COLUMN changed_counts.happened_at IS 'its minute, or when its event happened';

CREATE FUNCTION note_count() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_counts VALUES (TG_ARGV[0], OLD.site, OLD.window_start);
  END IF;
  IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (NEW.site, NEW.window_start) <> (OLD.site, OLD.window_start) THEN
    INSERT INTO changed_counts VALUES (TG_ARGV[0], NEW.site, NEW.window_start);
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER note_count AFTER INSERT OR UPDATE OR DELETE ON elements_per_minute
FOR EACH ROW EXECUTE FUNCTION note_count('elements');
CREATE TRIGGER note_count AFTER INSERT OR UPDATE OR DELETE ON arrivals_per_minute
FOR EACH ROW EXECUTE FUNCTION note_count('arrivals');
CREATE TRIGGER note_count AFTER INSERT OR UPDATE OR DELETE ON custom_events_per_minute
FOR EACH ROW EXECUTE FUNCTION note_count('custom_events');

CREATE FUNCTION note_counted_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO changed_counts VALUES ('actions', OLD.site, OLD.event_time);
  END IF;
  IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (NEW.site, NEW.event_time) <> (OLD.site, OLD.event_time) THEN
    INSERT INTO changed_counts VALUES ('actions', NEW.site, NEW.event_time);
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER note_count AFTER INSERT ON visit_events FOR EACH ROW
WHEN (NEW.event_type = 'track' OR NEW.revenue IS NOT NULL) EXECUTE FUNCTION note_counted_event();
CREATE TRIGGER note_changed_count AFTER UPDATE ON visit_events FOR EACH ROW
WHEN ('track' IN (OLD.event_type, NEW.event_type) OR coalesce(OLD.revenue, NEW.revenue) IS NOT NULL)
EXECUTE FUNCTION note_counted_event();
CREATE TRIGGER note_lost_count AFTER DELETE ON visit_events FOR EACH ROW
WHEN (OLD.event_type = 'track' OR OLD.revenue IS NOT NULL) EXECUTE FUNCTION note_counted_event();

CREATE TABLE elements (
  site text NOT NULL,
  grain text NOT NULL,
  period_start timestamptz NOT NULL,
  element_name text NOT NULL,
  page_path text NOT NULL,
  utm_campaign text NOT NULL,
  view_count bigint NOT NULL,
  click_count bigint NOT NULL,
  PRIMARY KEY (site, grain, period_start, element_name, page_path, utm_campaign)
);
COMMENT ON TABLE elements IS 'impressions and clicks added up by the hour or day: choose one grain';
COMMENT ON COLUMN elements.site IS 'site that was visited';
COMMENT ON COLUMN elements.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN elements.period_start IS 'start of the hour or day';
COMMENT ON COLUMN elements.element_name IS 'name of the element: its attribute data-footfall';
COMMENT ON COLUMN elements.page_path IS 'path of the page that it is on; empty where the event names no page';
COMMENT ON COLUMN elements.utm_campaign IS 'campaign of the page view; empty without one';
COMMENT ON COLUMN elements.view_count IS 'impressions: times that it came into view, once a page view';
COMMENT ON COLUMN elements.click_count IS 'clicks on it';

CREATE TABLE arrivals (
  site text NOT NULL,
  grain text NOT NULL,
  period_start timestamptz NOT NULL,
  library text NOT NULL,
  outcome text NOT NULL,
  event_count bigint NOT NULL,
  PRIMARY KEY (site, grain, period_start, library, outcome)
);
COMMENT ON TABLE arrivals IS 'arrivals added up by the hour or day: choose one grain';
COMMENT ON COLUMN arrivals.site IS 'site of the events; empty where they name none';
COMMENT ON COLUMN arrivals.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN arrivals.period_start IS 'start of the hour or day';
COMMENT ON COLUMN arrivals.library IS 'name of the sending library; empty where they name none';
COMMENT ON COLUMN arrivals.outcome IS 'on time, late, duplicate, without needed fields or heartbeat';
COMMENT ON COLUMN arrivals.event_count IS 'events with this outcome';

CREATE TABLE custom_events (
  site text NOT NULL,
  grain text NOT NULL,
  period_start timestamptz NOT NULL,
  event_name text NOT NULL,
  label text NOT NULL,
  event_count bigint NOT NULL,
  PRIMARY KEY (site, grain, period_start, event_name, label)
);
COMMENT ON TABLE custom_events IS 'what visitors did, by name and label, added up by the hour or day: choose one grain';
COMMENT ON COLUMN custom_events.site IS 'site that was visited';
COMMENT ON COLUMN custom_events.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN custom_events.period_start IS 'start of the hour or day';
COMMENT ON COLUMN custom_events.event_name IS 'name of the event; empty without one';
COMMENT ON COLUMN custom_events.label IS 'its properties.label; empty without one';
COMMENT ON COLUMN custom_events.event_count IS 'interactions with this name and label';

CREATE TABLE actions (
  site text NOT NULL,
  grain text NOT NULL,
  period_start timestamptz NOT NULL,
  event_type text NOT NULL,
  event_name text,
  currency text,
  event_count bigint NOT NULL,
  revenue numeric(38, 4)
);
CREATE INDEX ON actions (site, grain, period_start);
COMMENT ON TABLE actions IS 'track events, and what earned something, added up by the hour or day: choose one grain';
COMMENT ON COLUMN actions.site IS 'site that was visited';
COMMENT ON COLUMN actions.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN actions.period_start IS 'start of the hour or day';
COMMENT ON COLUMN actions.event_type IS 'track, or the type of what earned something';
COMMENT ON COLUMN actions.event_name IS 'name of the event, whether or not it is a goal';
COMMENT ON COLUMN actions.currency IS 'ISO 4217 code of revenue';
COMMENT ON COLUMN actions.event_count IS 'events';
COMMENT ON COLUMN actions.revenue IS 'what they earned; NULL where none earned anything';

CREATE TABLE links (
  site text NOT NULL,
  grain text NOT NULL,
  period_start timestamptz NOT NULL,
  target_url text NOT NULL,
  click_count bigint NOT NULL
);
CREATE INDEX ON links (site, grain, period_start);
COMMENT ON TABLE links IS 'clicks on links out of the site added up by the hour or day: choose one grain';
COMMENT ON COLUMN links.site IS 'site that was left';
COMMENT ON COLUMN links.grain IS 'hour or day, each of the site''s time zone';
COMMENT ON COLUMN links.period_start IS 'start of the hour or day';
COMMENT ON COLUMN links.target_url IS 'where they led';
COMMENT ON COLUMN links.click_count IS 'events named Link Clicked';

CREATE VIEW action_events AS
SELECT site, event_time, event_type, event_name, currency, 1 AS event_count, revenue FROM visit_events
WHERE event_type = 'track' OR revenue IS NOT NULL;
COMMENT ON VIEW action_events IS 'what actions adds up';
CREATE VIEW link_events AS
SELECT site, event_time, target_url, 1 AS click_count FROM visit_events
WHERE event_type = 'track' AND event_name = 'Link Clicked' AND target_url IS NOT NULL;
COMMENT ON VIEW link_events IS 'what links adds up';

CREATE FUNCTION refresh_counts() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  here record;
  hours bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('refresh_counts'));
  IF NOT EXISTS (SELECT FROM changed_counts) THEN
    RETURN 0;
  END IF;
  CREATE TEMPORARY TABLE changed_count_hours ON COMMIT DROP AS
    WITH notes AS (DELETE FROM changed_counts RETURNING *),
    minutes AS (SELECT DISTINCT counted, site, date_trunc('minute', happened_at) AS minute FROM notes)
    SELECT DISTINCT
      counted, site, zone_of(site) AS zone, date_trunc('hour', minute, zone_of(site)) AS hour,
      (minute AT TIME ZONE zone_of(site))::date AS day
    FROM minutes;
  GET DIAGNOSTICS hours = ROW_COUNT;
  ANALYZE changed_count_hours;

  FOR here IN
    SELECT *, (SELECT string_agg(format('sum(x.%I)', s), ', ' ORDER BY n) FROM unnest(sums) WITH ORDINALITY AS u (s, n)) AS added
    FROM (VALUES
      ('elements', 'elements', 'elements_per_minute', 'window_start', 'x.element_name, x.page_path, x.utm_campaign',
        ARRAY['view_count', 'click_count']),
      ('arrivals', 'arrivals', 'arrivals_per_minute', 'window_start', 'x.library, x.outcome', ARRAY['event_count']),
      ('custom_events', 'custom_events', 'custom_events_per_minute', 'window_start', 'x.event_name, x.label',
        ARRAY['event_count']),
      ('actions', 'actions', 'action_events', 'event_time', 'x.event_type, x.event_name, x.currency',
        ARRAY['event_count', 'revenue']),
      ('actions', 'links', 'link_events', 'event_time', 'x.target_url', ARRAY['click_count'])
    ) AS v (counted, target, source, at, keys, sums)
    WHERE EXISTS (SELECT FROM changed_count_hours AS c WHERE c.counted = v.counted)
  LOOP
    EXECUTE format(
      'DELETE FROM %I AS x USING changed_count_hours AS c'
      ' WHERE c.counted = %L AND x.site = c.site AND x.grain = ''hour'' AND x.period_start = c.hour', here.target, here.counted
    );
    EXECUTE format(
      'INSERT INTO %1$I SELECT c.site, ''hour'', c.hour, %2$s, %3$s FROM changed_count_hours AS c CROSS JOIN LATERAL ('
      -- A zone that changes its clock by half an hour has hours of half an hour and of one and a half. OFFSET 0 has each
      -- hour looked up by itself: all rows compared with all hours would take the longer the more of both there are.
      'SELECT * FROM %4$I AS s WHERE s.site = c.site'
      ' AND s.%5$I >= c.hour - INTERVAL ''1 hour'' AND s.%5$I < c.hour + INTERVAL ''2 hours'''
      ' AND date_trunc(''hour'', s.%5$I, c.zone) = c.hour OFFSET 0'
      ') AS x WHERE c.counted = %6$L GROUP BY c.site, c.hour, %2$s',
      here.target, here.keys, here.added, here.source, here.at, here.counted
    );
    EXECUTE format(
      'DELETE FROM %I AS x USING (SELECT DISTINCT site, day FROM changed_count_hours WHERE counted = %L) AS c'
      ' WHERE x.site = c.site AND x.grain = ''day'' AND x.period_start = midnight_of(c.site, c.day)',
      here.target, here.counted
    );
    EXECUTE format(
      'INSERT INTO %1$I SELECT c.site, ''day'', midnight_of(c.site, c.day), %2$s, %3$s'
      ' FROM (SELECT DISTINCT site, day FROM changed_count_hours WHERE counted = %4$L) AS c JOIN %1$I AS x'
      ' ON x.site = c.site AND x.grain = ''hour'' AND x.period_start >= midnight_of(c.site, c.day)'
      ' AND x.period_start < midnight_of(c.site, c.day + 1) GROUP BY c.site, c.day, %2$s',
      here.target, here.keys, here.added, here.counted
    );
  END LOOP;
  RETURN hours;
END
$$;
COMMENT ON FUNCTION refresh_counts IS
  'count anew the hours and days of elements, arrivals, custom_events, actions and links of which something was written since the last call; returns how many hours';

-- What is there already, and all of a site whose days begin otherwise now.
CREATE FUNCTION note_all_counts(site_name text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  INSERT INTO changed_counts
  SELECT DISTINCT 'elements', site, window_start FROM elements_per_minute WHERE site = site_name
  UNION ALL
  SELECT DISTINCT 'arrivals', site, window_start FROM arrivals_per_minute WHERE site = site_name
  UNION ALL
  SELECT DISTINCT 'custom_events', site, window_start FROM custom_events_per_minute WHERE site = site_name
  UNION ALL
  SELECT DISTINCT 'actions', site, date_trunc('minute', event_time) FROM action_events WHERE site = site_name;
$$;

CREATE FUNCTION note_zone_of_counts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    NEW := OLD;
  END IF;
  DELETE FROM elements WHERE site = NEW.site;
  DELETE FROM arrivals WHERE site = NEW.site;
  DELETE FROM custom_events WHERE site = NEW.site;
  DELETE FROM actions WHERE site = NEW.site;
  DELETE FROM links WHERE site = NEW.site;
  PERFORM note_all_counts(NEW.site);
  RETURN NULL;
END
$$;
CREATE TRIGGER note_added_zone_of_counts AFTER INSERT OR DELETE ON sites
FOR EACH ROW EXECUTE FUNCTION note_zone_of_counts();
CREATE TRIGGER note_zone_of_counts AFTER UPDATE ON sites FOR EACH ROW
WHEN (OLD.timezone <> NEW.timezone) EXECUTE FUNCTION note_zone_of_counts();
SELECT note_all_counts(site) FROM (
  SELECT DISTINCT site FROM arrivals_per_minute
  UNION
  SELECT site FROM site_names
) AS s;

-- One rule for all of them: up to six hours, minutes; else as grain_of says.
CREATE FUNCTION elements_between(site_name text, begins timestamptz, ends timestamptz) RETURNS SETOF elements
LANGUAGE sql STABLE AS $$
  SELECT * FROM elements
  WHERE site = site_name AND grain = grain_of(begins, ends) AND ends > begins + INTERVAL '6 hours'
    AND period_start >= date_trunc(grain_of(begins, ends), begins, zone_of(site_name)) AND period_start < ends
  UNION ALL
  SELECT site, 'minute', window_start, element_name, page_path, utm_campaign, view_count, click_count
  FROM elements_per_minute
  WHERE site = site_name AND window_start BETWEEN begins AND ends AND ends <= begins + INTERVAL '6 hours'
$$;
COMMENT ON FUNCTION elements_between IS
  'impressions and clicks of these times: up to six hours by minute, up to eight days by the hours that they touch, else by days';

CREATE FUNCTION arrivals_between(site_name text, begins timestamptz, ends timestamptz) RETURNS SETOF arrivals
LANGUAGE sql STABLE AS $$
  SELECT * FROM arrivals
  WHERE site = site_name AND grain = grain_of(begins, ends) AND ends > begins + INTERVAL '6 hours'
    AND period_start >= date_trunc(grain_of(begins, ends), begins, zone_of(site_name)) AND period_start < ends
  UNION ALL
  SELECT site, 'minute', window_start, library, outcome, event_count FROM arrivals_per_minute
  WHERE site = site_name AND window_start BETWEEN begins AND ends AND ends <= begins + INTERVAL '6 hours'
$$;
COMMENT ON FUNCTION arrivals_between IS
  'arrivals of these times: up to six hours by minute, up to eight days by the hours that they touch, else by days';

CREATE FUNCTION custom_events_between(site_name text, begins timestamptz, ends timestamptz) RETURNS SETOF custom_events
LANGUAGE sql STABLE AS $$
  SELECT * FROM custom_events
  WHERE site = site_name AND grain = grain_of(begins, ends) AND ends > begins + INTERVAL '6 hours'
    AND period_start >= date_trunc(grain_of(begins, ends), begins, zone_of(site_name)) AND period_start < ends
  UNION ALL
  SELECT site, 'minute', window_start, event_name, label, event_count FROM custom_events_per_minute
  WHERE site = site_name AND window_start BETWEEN begins AND ends AND ends <= begins + INTERVAL '6 hours'
$$;
COMMENT ON FUNCTION custom_events_between IS
  'custom events of these times: up to six hours by minute, up to eight days by the hours that they touch, else by days';

CREATE FUNCTION actions_between(site_name text, begins timestamptz, ends timestamptz) RETURNS SETOF actions
LANGUAGE sql STABLE AS $$
  SELECT * FROM actions
  WHERE site = site_name AND grain = grain_of(begins, ends) AND ends > begins + INTERVAL '6 hours'
    AND period_start >= date_trunc(grain_of(begins, ends), begins, zone_of(site_name)) AND period_start < ends
  UNION ALL
  SELECT site, 'minute', date_trunc('minute', event_time), event_type, event_name, currency, event_count, revenue
  FROM action_events
  WHERE site = site_name AND event_time BETWEEN begins AND ends AND ends <= begins + INTERVAL '6 hours'
$$;
COMMENT ON FUNCTION actions_between IS
  'actions of these times: up to six hours one by one, up to eight days by the hours that they touch, else by days';

CREATE FUNCTION goals_between(site_name text, begins timestamptz, ends timestamptz) RETURNS SETOF actions
LANGUAGE sql STABLE AS $$
  SELECT a.* FROM actions_between(site_name, begins, ends) AS a
  WHERE a.event_type = 'track' AND a.event_name IN (SELECT unnest(goals) FROM sites WHERE site = site_name)
$$;
COMMENT ON FUNCTION goals_between IS 'those of actions_between that the site names as goals';

CREATE FUNCTION links_between(site_name text, begins timestamptz, ends timestamptz) RETURNS SETOF links
LANGUAGE sql STABLE AS $$
  SELECT * FROM links
  WHERE site = site_name AND grain = grain_of(begins, ends) AND ends > begins + INTERVAL '6 hours'
    AND period_start >= date_trunc(grain_of(begins, ends), begins, zone_of(site_name)) AND period_start < ends
  UNION ALL
  SELECT site, 'minute', date_trunc('minute', event_time), target_url, click_count FROM link_events
  WHERE site = site_name AND event_time BETWEEN begins AND ends AND ends <= begins + INTERVAL '6 hours'
$$;
COMMENT ON FUNCTION links_between IS
  'clicks on links of these times: up to six hours one by one, up to eight days by the hours that they touch, else by days';

-- Goals are looked for by their name and their visitors counted: a part of the events, with all that is asked of them.
DROP INDEX visit_events_site_event_name_event_time_idx;
CREATE INDEX visit_events_actions ON visit_events (site, event_name, event_time) INCLUDE (visitor_id, currency, revenue)
WHERE event_type = 'track';
CREATE INDEX visit_events_searches ON visit_events (site, event_time) INCLUDE (search_term, visitor_id)
WHERE search_term IS NOT NULL;

-- One visit is asked for by its id.
CREATE INDEX sessions_ids ON sessions (site, session_id);

GRANT SELECT ON elements, arrivals, custom_events, actions, links, action_events, link_events TO footfall_reader;
GRANT EXECUTE ON FUNCTION elements_between, arrivals_between, custom_events_between, actions_between, goals_between,
  links_between TO footfall_reader;

-- migrate:down

DROP INDEX sessions_ids, visit_events_searches, visit_events_actions;
CREATE INDEX ON visit_events (site, event_name, event_time);
DROP FUNCTION links_between, goals_between, actions_between, custom_events_between, arrivals_between, elements_between;
DROP TRIGGER note_zone_of_counts ON sites;
DROP TRIGGER note_added_zone_of_counts ON sites;
DROP TRIGGER note_lost_count ON visit_events;
DROP TRIGGER note_changed_count ON visit_events;
DROP TRIGGER note_count ON visit_events;
DROP TRIGGER note_count ON custom_events_per_minute;
DROP TRIGGER note_count ON arrivals_per_minute;
DROP TRIGGER note_count ON elements_per_minute;
DROP FUNCTION note_zone_of_counts, note_all_counts, refresh_counts, note_counted_event, note_count;
DROP VIEW link_events, action_events;
DROP TABLE links, actions, custom_events, arrivals, elements, changed_counts;
