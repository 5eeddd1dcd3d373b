-- conversions: one row per event that its site names as a goal, with the visit it belongs to (NULL until that has
-- ended)
CREATE OR REPLACE VIEW conversions AS
SELECT
  a.site, a.event_name AS goal, a.event_time, a.message_id, a.visitor_id, s.session_id, s.session_start,
  s.source, s.medium, s.channel, s.utm_campaign, s.is_bot, a.revenue, a.currency
FROM goal_events AS a
LEFT JOIN LATERAL (
  SELECT * FROM sessions AS v
  WHERE v.site = a.site AND v.visitor_id = a.visitor_id
    AND v.session_start <= a.event_time AND v.session_end >= a.event_time
  LIMIT 1
) AS s ON true;
COMMENT ON VIEW conversions IS
  'one row per event that its site names as a goal, with the visit it belongs to (NULL until that has ended)';
GRANT SELECT ON conversions TO footfall_reader;
