-- What visitors did, by the names that their site gave it.

-- migrate:up

CREATE TABLE custom_events_per_minute (
  site text NOT NULL,
  window_start timestamptz NOT NULL,
  event_name text NOT NULL,
  label text NOT NULL,
  event_count bigint NOT NULL,
  visitor_count bigint NOT NULL,
  PRIMARY KEY (site, window_start, event_name, label)
) PARTITION BY RANGE (window_start);
COMMENT ON TABLE custom_events_per_minute IS
  'one row per site, minute, name and label of what visitors did.';
COMMENT ON COLUMN custom_events_per_minute.site IS 'site that was visited';
COMMENT ON COLUMN custom_events_per_minute.window_start IS 'start of the minute, UTC';
COMMENT ON COLUMN custom_events_per_minute.event_name IS 'name of the event; empty without one';
COMMENT ON COLUMN custom_events_per_minute.label IS 'its properties.label; empty without one';
COMMENT ON COLUMN custom_events_per_minute.event_count IS 'interactions with this name and label';
COMMENT ON COLUMN custom_events_per_minute.visitor_count IS
  'distinct visitors with this name and label in this minute; do not add up';
SELECT keep_by_time('custom_events_per_minute', 'window_start');

INSERT INTO retention (table_name, keep) VALUES ('custom_events_per_minute', NULL);
GRANT SELECT, INSERT, UPDATE ON custom_events_per_minute TO footfall_writer;
GRANT SELECT ON custom_events_per_minute TO footfall_reader;

-- A funnel that is not there is a mistake, not an answer without rows.
CREATE OR REPLACE FUNCTION funnel_report(site_name text, funnel_name text, first_day date, last_day date)
RETURNS TABLE (step integer, name text, visitor_count bigint, share_of_previous numeric, median_seconds double precision)
LANGUAGE sql STABLE AS $$
  WITH reached AS MATERIALIZED (SELECT * FROM funnel_visitors(site_name, funnel_name, first_day, last_day)),
  deepest AS MATERIALIZED (SELECT max(depth) AS depth FROM reached),
  counts AS (
    SELECT
      s.step, s.name, count(r.visitor_id) AS visitor_count,
      percentile_cont(0.5) WITHIN GROUP (
        ORDER BY extract(epoch FROM r.step_times[s.step] - r.step_times[s.step - 1])::float8
      ) AS median_seconds
    FROM deepest  -- first, so that it is asked whatever steps there are
    LEFT JOIN funnel_steps AS s ON s.site = site_name AND s.funnel = funnel_name
    LEFT JOIN reached AS r ON r.depth >= s.step
    GROUP BY s.step, s.name
  )
  SELECT step, name, visitor_count, visitor_count::numeric / nullif(lag(visitor_count) OVER (ORDER BY step), 0), median_seconds
  FROM counts ORDER BY step
$$;

-- migrate:down

DELETE FROM retention WHERE table_name = 'custom_events_per_minute';
DROP TABLE custom_events_per_minute;
