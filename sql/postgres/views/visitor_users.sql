-- visitor_users: the users that each visitor signed in as, at any time, aliases followed
CREATE OR REPLACE VIEW visitor_users AS
WITH seen AS (
  SELECT site, visitor_id, user_id FROM visit_events WHERE user_id IS NOT NULL
  UNION
  SELECT site, previous_id, user_id FROM visit_events
  WHERE event_type = 'alias' AND previous_id IS NOT NULL AND user_id IS NOT NULL
)
SELECT DISTINCT s.site, s.visitor_id, coalesce(a.user_id, s.user_id) AS user_id
FROM seen AS s LEFT JOIN user_aliases AS a ON a.site = s.site AND a.previous_id = s.user_id;
COMMENT ON VIEW visitor_users IS 'the users that each visitor signed in as, at any time, aliases followed';
GRANT SELECT ON visitor_users TO footfall_reader;
