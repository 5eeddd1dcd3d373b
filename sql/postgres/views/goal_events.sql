-- goal_events: the events that their site names as a goal
CREATE OR REPLACE VIEW goal_events AS
SELECT
  a.site, a.event_time, a.message_id, a.visitor_id, a.user_id, a.previous_id, a.event_type, a.event_name, a.is_action,
  a.page_path, a.country, a.search_term, a.element_name, a.target_url, a.label, a.engaged_ms, a.revenue, a.currency
FROM visit_events AS a JOIN sites AS g ON g.site = a.site AND a.event_name = ANY (g.goals)
WHERE a.event_type = 'track';
COMMENT ON VIEW goal_events IS 'the events that their site names as a goal';
GRANT SELECT ON goal_events TO footfall_reader;
