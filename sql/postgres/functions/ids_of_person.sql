-- ids_of_person: the ids of one person: of the user with all aliases, of the visitors that are nobody else, and of
-- those that others are too
CREATE OR REPLACE FUNCTION ids_of_person(site_name text, person text)
RETURNS TABLE (kind text, id text)
LANGUAGE sql STABLE AS $$
  WITH users AS (
    SELECT person AS id
    UNION
    SELECT previous_id FROM user_aliases WHERE site = site_name AND user_id = person
  ),
  visitors AS (
    SELECT id FROM users
    UNION
    SELECT visitor_id FROM visit_events WHERE site = site_name AND user_id IN (SELECT id FROM users)
    UNION
    SELECT visitor_id FROM sessions WHERE site = site_name AND user_id IN (SELECT id FROM users)
    UNION
    SELECT visitor_id FROM user_traits WHERE site = site_name AND user_id IN (SELECT id FROM users)
    UNION
    SELECT previous_id FROM visit_events
    WHERE site = site_name AND user_id IN (SELECT id FROM users) AND event_type = 'alias' AND previous_id IS NOT NULL
  )
  SELECT 'user', id FROM users
  UNION ALL
  SELECT CASE person_of(site_name, NULL, id) WHEN person THEN 'visitor' ELSE 'shared visitor' END, id FROM visitors
$$;
COMMENT ON FUNCTION ids_of_person IS
  'the ids of one person: of the user with all aliases, of the visitors that are nobody else, and of those that others are too';
