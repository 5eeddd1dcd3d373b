-- live_events: what happened in the last five minutes
CREATE OR REPLACE VIEW live_events AS
SELECT site, event_time, message_id, visitor_id, event_type, event_name, page_path, country
FROM visit_events
WHERE is_action AND event_time > now() - INTERVAL '5 minutes' AND event_time <= now();
COMMENT ON VIEW live_events IS 'what happened in the last five minutes';
GRANT SELECT ON live_events TO footfall_reader;
