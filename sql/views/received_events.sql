-- received_events: one row per event of raw_events that has what an event needs, under flat names, on time or not,
-- as often as it was sent. What it leaves out is in rejected_events (its rules are these, turned round).
--
-- Lengths are limited here, so that no event is too long for a key in Postgres: an id that is too long is no id
-- (rejected); a page path is cut to 500 characters, other text to 2000. U+0000, which Postgres can't hold, is removed.
CREATE VIEW received_events AS
SELECT
  site,
  message_id,
  visitor_id,
  event_type,
  event_name,
  event_time,
  received_at,
  event_time >= received_at - INTERVAL '60' SECOND AS is_on_time,
  SUBSTRING(REPLACE(page_path, U&'\0000', '') FROM 1 FOR 500) AS page_path,
  1
FROM raw_events;
