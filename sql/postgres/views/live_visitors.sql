-- live_visitors: distinct visitors of the last 5 and 30 minutes by page and country; do not add them up over pages
--
-- An event is here a second after it came.
CREATE OR REPLACE VIEW live_visitors AS
SELECT
  site, coalesce(page_path, '') AS page_path, coalesce(country, '') AS country,
  count(DISTINCT visitor_id) FILTER (WHERE event_time > now() - INTERVAL '5 minutes') AS visitor_count_5,
  count(DISTINCT visitor_id) AS visitor_count_30
FROM visit_events
WHERE event_time > now() - INTERVAL '30 minutes' AND event_time <= now()
GROUP BY 1, 2, 3;
COMMENT ON VIEW live_visitors IS
  'distinct visitors of the last 5 and 30 minutes by page and country; do not add them up over pages';
GRANT SELECT ON live_visitors TO footfall_reader;
