-- data_quality_per_hour: what part of a library's events came late, twice or incomplete; a share is NULL for none
CREATE OR REPLACE VIEW data_quality_per_hour AS
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
GRANT SELECT ON data_quality_per_hour TO footfall_reader;
