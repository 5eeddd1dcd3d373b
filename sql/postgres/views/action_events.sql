-- action_events: what actions is the roll-up of
CREATE OR REPLACE VIEW action_events AS
SELECT site, event_time, event_type, event_name, currency, 1 AS event_count, revenue FROM visit_events
WHERE event_type = 'track' OR revenue IS NOT NULL;
COMMENT ON VIEW action_events IS 'what actions is the roll-up of';
GRANT SELECT ON action_events TO footfall_reader;
