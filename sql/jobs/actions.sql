-- actions: one row per event that a visitor or the site's own software made happen: what a visit consists of.
-- A second after it arrived, for no window is waited for. Paths, goals, funnels and people are told from these rows in
-- Postgres, so that a goal named today counts for last month too. What a page reports by itself (non_interaction: what
-- came into view, time spent, speed) is most of the traffic and in engagement_per_minute.
INSERT INTO actions
SELECT
  site,
  CAST(event_time AS TIMESTAMP(3)) AS event_time,
  message_id,
  visitor_id,
  user_id,
  previous_id,
  event_type,
  event_name,
  page_path,
  country,
  search_term,
  element_name,
  target_url,
  label,
  revenue,
  currency
FROM events
WHERE event_type <> 'track' OR is_interaction
ON CONFLICT DO DEDUPLICATE;
