-- visit_events: one row per event that came on time, once: what visits consist of.
-- A second after it arrived, for no window is waited for. What is happening now, open visits, paths, goals, funnels and
-- people are computed from these rows in Postgres, so that a goal named today counts for last month too.
INSERT INTO visit_events
SELECT
  site,
  CAST(event_time AS TIMESTAMP(3)) AS event_time,
  message_id,
  visitor_id,
  user_id,
  previous_id,
  event_type,
  event_name,
  event_type <> 'track' OR is_interaction AS is_action,
  page_path,
  country,
  search_term,
  element_name,
  target_url,
  label,
  engaged_ms,
  revenue,
  currency
FROM events
ON CONFLICT DO DEDUPLICATE;
