-- person_of: the person behind a user, or behind a visitor: the only user that this visitor ever was, else the
-- visitor; give one of both
--
-- What person_visits says, from the indexes of one site alone.
CREATE OR REPLACE FUNCTION person_of(site_name text, given_user text, given_visitor text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH users AS (
    SELECT DISTINCT coalesce(a.user_id, s.user_id) AS user_id
    FROM (
      SELECT given_user AS user_id
      UNION
      SELECT user_id FROM visit_events WHERE site = site_name AND visitor_id = given_visitor AND user_id IS NOT NULL
      UNION
      SELECT user_id FROM visit_events
      WHERE site = site_name AND previous_id = given_visitor AND event_type = 'alias' AND user_id IS NOT NULL
    ) AS s
    LEFT JOIN user_aliases AS a ON a.site = site_name AND a.previous_id = s.user_id
    WHERE s.user_id IS NOT NULL
  )
  SELECT CASE (SELECT count(*) FROM users) WHEN 1 THEN (SELECT user_id FROM users) ELSE given_visitor END
$$;
COMMENT ON FUNCTION person_of IS
  'the person behind a user, or behind a visitor: the only user that this visitor ever was, else the visitor; give one of both';
