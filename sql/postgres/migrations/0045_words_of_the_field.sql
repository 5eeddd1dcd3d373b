-- The names of tables and columns that 0001_baseline.sql has now, for a database that was made with those of before: a
-- new one has nothing to rename. Until `footfall migrate` has made the functions and triggers anew after this, writers
-- get an error of the schema, which Flink's sink tries again.

-- migrate:up

DO $$
DECLARE
  it record;
  statement text;
BEGIN
  FOR it IN
    SELECT * FROM (VALUES
      ('retention', 'data_retention', '', ''),
      ('changed_visits', 'traffic_refresh_queue', '', ''),
      ('changed_pages', 'page_refresh_queue', '', ''),
      ('changed_counts', 'rollup_refresh_queue', 'counted', 'rollup_name'),
      ('changed_visitors', 'people_refresh_queue', '', ''),
      ('changed_web_vitals', 'web_vital_refresh_queue', '', ''),
      ('changed_attempts', 'funnel_refresh_queue', '', ''),
      ('changed_funnels', 'funnel_rebuild_queue', '', ''),
      ('changed_minutes', 'anomaly_refresh_queue', '', ''),
      ('unjudged_visits', 'bot_classification_queue', 'noted_at', 'queued_at'),
      ('judged_sites', 'anomaly_progress', 'judged_until', 'checked_until'),
      ('visits_a_person', 'visits_per_person', '', ''),
      ('funnel_attempts', 'funnel_entries', '', ''),
      ('erased_ids', 'erasure_suppressions', '', ''),
      ('site_keys', 'write_keys', '', '')
    ) AS v (old_table, new_table, old_column, new_column)
    WHERE to_regclass(old_table) IS NOT NULL
  LOOP
    EXECUTE format('ALTER TABLE %I RENAME TO %I', it.old_table, it.new_table);
    IF it.old_column <> '' THEN
      EXECUTE format('ALTER TABLE %I RENAME %I TO %I', it.new_table, it.old_column, it.new_column);
    END IF;
    -- Constraints and indexes are named after them. The index of a key goes with its constraint.
    FOR statement IN
      SELECT format('ALTER TABLE %I RENAME CONSTRAINT %I TO %I', it.new_table, conname, new_name)
      FROM pg_constraint CROSS JOIN LATERAL (
        SELECT it.new_table || replace(substr(conname, length(it.old_table) + 1), it.old_column, it.new_column) AS new_name
      ) AS n
      WHERE conrelid = it.new_table::regclass AND starts_with(conname, it.old_table)
      UNION ALL
      SELECT format('ALTER INDEX %I RENAME TO %I', relname, it.new_table || substr(relname, length(it.old_table) + 1))
      FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
      WHERE indrelid = it.new_table::regclass AND starts_with(relname, it.old_table)
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    LOOP
      EXECUTE statement;
    END LOOP;
  END LOOP;
END
$$;

-- Functions and triggers of these names have no file any more: `footfall migrate` drops what schema_objects lists. A
-- database from before 0044 lists nothing yet.
INSERT INTO schema_objects (kind, name, file_hash, definition_hash)
WITH gone AS (
  SELECT oid, proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname IN (
    'funnel_ways', 'judge_visit', 'judge_visits', 'keep_by_time', 'keep_chunks', 'make_month', 'note_action',
    'note_all_counts', 'note_count', 'note_counted_event', 'note_funnel', 'note_goal', 'note_minute', 'note_page',
    'note_site', 'note_user', 'note_visit', 'note_visitor', 'note_web_vitals', 'note_zone', 'note_zone_of_counts',
    'note_zone_of_funnels', 'note_zone_of_visitors', 'note_zone_of_web_vitals'
  )
)
SELECT 'function', proname, '', '' FROM gone
UNION ALL
SELECT 'trigger', relname || '.' || tgname, '', ''
FROM gone JOIN pg_trigger ON tgfoid = gone.oid AND tgparentid = 0 JOIN pg_class ON pg_class.oid = tgrelid
ON CONFLICT DO NOTHING;

COMMENT ON TABLE traffic_refresh_queue IS
  'one row per visit, or goal of a visitor, that was written since traffic was last recomputed';
COMMENT ON TABLE page_refresh_queue IS 'one row per page''s minute that was written since pages was last recomputed';
COMMENT ON TABLE rollup_refresh_queue IS 'one row per row that was written since its roll-up was last recomputed';
COMMENT ON COLUMN rollup_refresh_queue.rollup_name IS 'table in which its hour is to be recomputed';
COMMENT ON TABLE people_refresh_queue IS
  'one row per visit, event of a user or alias that was written since the audience roll-ups were last recomputed';
COMMENT ON COLUMN people_refresh_queue.visitor_id IS 'visitor whose visits are to be recomputed';
COMMENT ON COLUMN people_refresh_queue.user_id IS 'user whose visitors, and those of all aliases, are to be recomputed';
COMMENT ON TABLE web_vital_refresh_queue IS
  'one row per measured page view that was written since web_vital_counts was last recomputed';
COMMENT ON TABLE funnel_refresh_queue IS
  'one row per action that was written since the funnel roll-ups were last recomputed';
COMMENT ON TABLE funnel_rebuild_queue IS 'one row per edit of a funnel that has not been recomputed since';
COMMENT ON TABLE anomaly_refresh_queue IS
  'one row per row of page_views_per_minute that was written since anomalies were last searched for';
COMMENT ON TABLE traffic IS
  'visits rolled up by the hour or day in which they began: choose one grain and one breakdown, then sum over anything';
COMMENT ON COLUMN traffic.breakdown IS
  'channel, browser, language, entry page or exit page: which columns it has besides device and country, or without these where it ends in alone; each has all visits';
COMMENT ON TABLE pages IS 'page views and engagement rolled up by the hour or day: choose one grain';
COMMENT ON TABLE elements IS 'impressions and clicks rolled up by the hour or day: choose one grain';
COMMENT ON TABLE arrivals IS 'arrivals rolled up by the hour or day: choose one grain';
COMMENT ON TABLE custom_events IS
  'what visitors did, by name and label, rolled up by the hour or day: choose one grain';
COMMENT ON TABLE actions IS 'track events, and what earned something, rolled up by the hour or day: choose one grain';
COMMENT ON TABLE links IS 'clicks on links out of the site rolled up by the hour or day: choose one grain';
COMMENT ON TABLE attribution IS
  'attributed_conversions rolled up by the hour or day of the goal: choose one grain and one model';
COMMENT ON TABLE visit_days IS
  'one row per visitor, person and day of the site''s time zone, and per country, language and device: what the audience roll-ups hold';
COMMENT ON TABLE funnel_entries IS
  'one row per funnel, visitor and day of the site''s time zone on which they did the first step: what the funnel roll-ups hold';
COMMENT ON COLUMN funnel_entries.step_times IS 'when each step was done, on the first path that led so far';
COMMENT ON TABLE funnel_times IS
  'how long visitors took to a step from the one before, by the days between which no entry of theirs is better';
COMMENT ON COLUMN funnel_times.better_before IS
  'last day before of an entry that led further, or as far sooner; else -infinity';
COMMENT ON COLUMN anomalies.ended IS
  'end of its last minute; NULL while the newest minute that was searched is one of it';
COMMENT ON TABLE anomaly_progress IS
  'one row per site with page views: up to when its minutes are searched for anomalies, and by what';
COMMENT ON COLUMN visit_events.label IS 'properties.label: the custom dimension of such events';

-- migrate:down

-- The names stay: they are those of 0001_baseline.sql.
