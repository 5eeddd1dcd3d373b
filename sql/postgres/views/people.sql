-- people: one row per person, programs left out: first and last seen, visits, and how many visitor ids they have
CREATE OR REPLACE VIEW people AS
SELECT
  site, person_id,
  min(session_start) AS first_seen,
  max(session_end) AS last_seen,
  count(*) AS visit_count,
  count(DISTINCT visitor_id) AS visitor_count,
  count(*) > 1 AS is_returning
FROM person_visits
WHERE NOT is_bot
GROUP BY site, person_id;
COMMENT ON VIEW people IS
  'one row per person, programs left out: first and last seen, visits, and how many visitor ids they have';
GRANT SELECT ON people TO footfall_reader;
