-- live_sessions: one row per visit of the last day that is open, or whose row in sessions is still waited for: gone
-- once that is there
CREATE OR REPLACE VIEW live_sessions AS
SELECT
  v.site, v.visitor_id, v.session_start, v.session_end, v.duration_ms, v.page_view_count, v.event_count, v.engaged_ms,
  v.entry_page, v.exit_page, v.current_page, v.country, v.user_id
FROM visits_since(now() - INTERVAL '1 day') AS v
WHERE NOT EXISTS (
  SELECT FROM sessions AS s
  WHERE s.site = v.site AND s.visitor_id = v.visitor_id
    AND s.session_start <= v.session_start AND s.session_end >= v.session_end
);
COMMENT ON VIEW live_sessions IS
  'one row per visit of the last day that is open, or whose row in sessions is still waited for: gone once that is there';
GRANT SELECT ON live_sessions TO footfall_reader;
