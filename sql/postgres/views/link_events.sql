-- link_events: what links is the roll-up of
CREATE OR REPLACE VIEW link_events AS
SELECT site, event_time, target_url, 1 AS click_count FROM visit_events
WHERE event_type = 'track' AND event_name = 'Link Clicked' AND target_url IS NOT NULL;
COMMENT ON VIEW link_events IS 'what links is the roll-up of';
GRANT SELECT ON link_events TO footfall_reader;
