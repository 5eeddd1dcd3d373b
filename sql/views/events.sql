-- events: one row per event that came on time, once: the first copy of each (site, message_id). What jobs read.
-- A copy that comes after the lateness bound is late, so an hour of state (table.exec.state.ttl) makes this exact.
CREATE VIEW events AS
SELECT
  site,
  message_id,
  visitor_id,
  user_id,
  previous_id,
  event_type,
  event_name,
  is_interaction,
  event_time,
  received_at,
  page_path,
  page_url,
  referrer,
  utm_source,
  utm_medium,
  utm_campaign,
  utm_term,
  utm_content,
  user_agent,
  locale,
  country,
  region,
  is_from_data_centre,
  element_name,
  target_url,
  label,
  engaged_ms,
  scroll_depth,
  lcp_ms,
  inp_ms,
  cls,
  revenue,
  currency,
  search_term,
  traits,
  library
FROM (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY site, message_id ORDER BY PROCTIME()) AS copy_number
  FROM received_events
  WHERE is_on_time
)
WHERE copy_number = 1;
