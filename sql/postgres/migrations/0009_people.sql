-- Who the visitors are: identity, new and returning, retention, stickiness, demographics. docs/definitions.md says what
-- each means.

-- migrate:up

-- The user that each id stands for in the end, after all aliases; of a ring of aliases, the smallest id in it.
CREATE VIEW user_aliases AS
WITH RECURSIVE links AS (
  SELECT DISTINCT ON (site, previous_id) site, previous_id, user_id FROM visit_events
  WHERE event_type = 'alias' AND previous_id IS NOT NULL AND user_id IS NOT NULL AND previous_id <> user_id
  ORDER BY site, previous_id, event_time DESC, message_id DESC
),
walks AS (
  SELECT site, previous_id, ARRAY[previous_id, user_id] AS path, NULL::text AS again FROM links
  UNION ALL
  SELECT
    w.site, w.previous_id,
    CASE WHEN l.user_id = ANY (w.path) THEN w.path ELSE w.path || l.user_id END,
    CASE WHEN l.user_id = ANY (w.path) THEN l.user_id END
  FROM walks AS w JOIN links AS l ON l.site = w.site AND l.previous_id = w.path[cardinality(w.path)]
  WHERE w.again IS NULL
)
SELECT DISTINCT ON (site, previous_id)
  site, previous_id,
  CASE
    WHEN again IS NULL THEN path[cardinality(path)]
    ELSE (SELECT min(id) FROM unnest(path[array_position(path, again):]) AS id)
  END AS user_id
FROM walks
ORDER BY site, previous_id, again NULLS LAST, cardinality(path) DESC;
COMMENT ON VIEW user_aliases IS 'one row per id that an alias call replaced, with the user that it stands for now';

CREATE VIEW visitor_users AS
WITH seen AS (
  SELECT site, visitor_id, user_id FROM visit_events WHERE user_id IS NOT NULL
  UNION
  SELECT site, previous_id, user_id FROM visit_events
  WHERE event_type = 'alias' AND previous_id IS NOT NULL AND user_id IS NOT NULL
)
SELECT DISTINCT s.site, s.visitor_id, coalesce(a.user_id, s.user_id) AS user_id
FROM seen AS s LEFT JOIN user_aliases AS a ON a.site = s.site AND a.previous_id = s.user_id;
COMMENT ON VIEW visitor_users IS 'the users that each visitor signed in as, at any time, aliases followed';

CREATE VIEW identity_conflicts AS
SELECT site, visitor_id, array_agg(user_id ORDER BY user_id) AS user_ids
FROM visitor_users
GROUP BY site, visitor_id
HAVING count(*) > 1;
COMMENT ON VIEW identity_conflicts IS
  'visitors with several users, such as a device that a family shares: their visits without a user belong to nobody of these';

CREATE VIEW person_visits AS
SELECT
  p.*,
  row_number() OVER (PARTITION BY site, person_id ORDER BY session_start, session_id) = 1 AS is_first_visit
FROM (
  SELECT
    s.site, s.session_id, s.session_start, s.session_end, s.visitor_id,
    (s.session_start AT TIME ZONE zone_of(s.site))::date AS local_day,
    coalesce(a.user_id, s.user_id, u.user_id, s.visitor_id) AS person_id,
    s.is_bot
  FROM sessions AS s
  LEFT JOIN user_aliases AS a ON a.site = s.site AND a.previous_id = s.user_id
  LEFT JOIN (
    SELECT site, visitor_id, min(user_id) AS user_id FROM visitor_users GROUP BY site, visitor_id HAVING count(*) = 1
  ) AS u ON u.site = s.site AND u.visitor_id = s.visitor_id
) AS p;
COMMENT ON VIEW person_visits IS
  'visits with the person behind them: the user of the visit, else the only user that this visitor ever was, else the visitor';

CREATE VIEW people AS
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

CREATE FUNCTION retention(site_name text, unit text, first_day date, last_day date)
RETURNS TABLE (cohort date, period integer, person_count bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF unit NOT IN ('day', 'week', 'month') THEN
    RAISE EXCEPTION 'retention goes by day, week or month, not by %', unit;
  END IF;
  RETURN QUERY
    WITH seen AS (
      SELECT DISTINCT person_id, date_trunc(unit, local_day::timestamp)::date AS start
      FROM person_visits WHERE site = site_name AND NOT is_bot
    ),
    cohorts AS (SELECT s.person_id, min(s.start) AS cohort FROM seen AS s GROUP BY s.person_id)
    SELECT
      c.cohort,
      CASE unit
        WHEN 'day' THEN s.start - c.cohort
        WHEN 'week' THEN (s.start - c.cohort) / 7
        ELSE (extract(year FROM s.start) - extract(year FROM c.cohort)) * 12
          + extract(month FROM s.start) - extract(month FROM c.cohort)
      END::integer,
      count(*)
    FROM seen AS s JOIN cohorts AS c USING (person_id)
    WHERE c.cohort BETWEEN date_trunc(unit, first_day::timestamp)::date AND last_day
    GROUP BY 1, 2
    ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION retention IS
  'people first seen in each day, week or month of the site''s time zone, and how many came back so many periods later';

CREATE FUNCTION stickiness(site_name text, day date)
RETURNS TABLE (daily bigint, weekly bigint, monthly bigint, daily_of_monthly numeric)
LANGUAGE sql STABLE AS $$
  SELECT d, w, m, d::numeric / nullif(m, 0)
  FROM (
    SELECT
      count(DISTINCT person_id) FILTER (WHERE local_day = day) AS d,
      count(DISTINCT person_id) FILTER (WHERE local_day > day - 7) AS w,
      count(DISTINCT person_id) AS m
    FROM person_visits
    WHERE site = site_name AND NOT is_bot AND local_day BETWEEN day - 29 AND day
  ) AS counts
$$;
COMMENT ON FUNCTION stickiness IS
  'people of a day, of the 7 and of the 30 days up to it (DAU, WAU, MAU), and DAU / MAU';

CREATE FUNCTION demographics(site_name text, first_day date, last_day date, fewest integer DEFAULT 10)
RETURNS TABLE (dimension text, value text, visitor_count bigint)
LANGUAGE sql STABLE AS $$
  SELECT d.dimension, d.value, count(DISTINCT v.visitor_id)
  FROM sessions AS v
  CROSS JOIN LATERAL (VALUES
    ('country', v.country), ('language', v.language_code), ('device', v.device_type)
  ) AS d (dimension, value)
  WHERE v.site = site_name AND NOT v.is_bot
    AND v.session_start >= midnight_of(site_name, first_day) AND v.session_start < midnight_of(site_name, last_day + 1)
  GROUP BY d.dimension, d.value
  HAVING count(DISTINCT v.visitor_id) >= greatest(fewest, 2)
  ORDER BY d.dimension, count(DISTINCT v.visitor_id) DESC, d.value
$$;
COMMENT ON FUNCTION demographics IS
  'distinct visitors by country, language and device; a group of fewer visitors than the floor (at least 2) is not shown';

GRANT SELECT ON user_aliases, visitor_users, identity_conflicts, person_visits, people TO footfall_reader;
GRANT EXECUTE ON FUNCTION retention, stickiness, demographics TO footfall_reader;

-- migrate:down

DROP FUNCTION demographics, stickiness, retention;
DROP VIEW people, person_visits, identity_conflicts, visitor_users, user_aliases;
