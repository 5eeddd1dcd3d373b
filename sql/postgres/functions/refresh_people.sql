-- refresh_people: recompute the audience roll-ups of the people behind all visitors of whom something was written
-- since the last call; returns how many visitors
--
-- visit_days holds what has been counted of each visitor. What the people behind changed visitors had contributed is
-- taken out of the sums, and what they contribute now is added.
CREATE OR REPLACE FUNCTION refresh_people() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  visitors bigint;
BEGIN
  IF NOT take_queue('people_refresh_queue', 'queued_visitors') THEN
    RETURN 0;
  END IF;
  -- An alias is a link between users: all whom it links, directly or not, may be somebody else now.
  CREATE TEMPORARY TABLE touched_visitors ON COMMIT DROP AS
    WITH RECURSIVE users AS (
      SELECT site, user_id FROM queued_visitors WHERE user_id IS NOT NULL
      UNION
      SELECT u.site, l.id
      FROM users AS u CROSS JOIN LATERAL (
        SELECT user_id AS id FROM visit_events AS e
        WHERE e.site = u.site AND e.previous_id = u.user_id AND e.event_type = 'alias' AND user_id IS NOT NULL
        UNION ALL
        SELECT previous_id FROM visit_events AS e
        WHERE e.site = u.site AND e.user_id = u.user_id AND e.event_type = 'alias' AND previous_id IS NOT NULL
      ) AS l
    )
    SELECT site, visitor_id FROM queued_visitors WHERE visitor_id IS NOT NULL
    UNION
    SELECT u.site, v.id FROM users AS u CROSS JOIN LATERAL (
      SELECT u.user_id AS id
      UNION ALL
      SELECT visitor_id FROM visit_events AS e WHERE e.site = u.site AND e.user_id = u.user_id
      UNION ALL
      SELECT visitor_id FROM sessions AS s WHERE s.site = u.site AND s.user_id = u.user_id
    ) AS v;
  GET DIAGNOSTICS visitors = ROW_COUNT;
  ANALYZE touched_visitors;

  CREATE TEMPORARY TABLE touched_users ON COMMIT DROP AS
    SELECT t.site, t.visitor_id, min(coalesce(a.user_id, e.user_id)) AS user_id,
      count(DISTINCT coalesce(a.user_id, e.user_id)) AS user_count
    FROM touched_visitors AS t
    CROSS JOIN LATERAL (
      SELECT user_id FROM visit_events AS e
      WHERE e.site = t.site AND e.visitor_id = t.visitor_id AND user_id IS NOT NULL
      UNION
      SELECT user_id FROM visit_events AS e
      WHERE e.site = t.site AND e.previous_id = t.visitor_id AND event_type = 'alias' AND user_id IS NOT NULL
    ) AS e
    LEFT JOIN user_aliases AS a ON a.site = t.site AND a.previous_id = e.user_id
    GROUP BY t.site, t.visitor_id;
  DELETE FROM shared_visitors AS s USING touched_visitors AS t WHERE s.site = t.site AND s.visitor_id = t.visitor_id;
  INSERT INTO shared_visitors SELECT site, visitor_id FROM touched_users WHERE user_count > 1;

  CREATE TEMPORARY TABLE new_visit_days ON COMMIT DROP AS
    SELECT
      t.site, t.visitor_id, coalesce(a.user_id, s.user_id, u.user_id, t.visitor_id) AS person_id,
      (s.session_start AT TIME ZONE zone_of(t.site))::date AS day, s.country, s.language_code, s.device_type,
      count(*) FILTER (WHERE NOT s.is_bot) AS visit_count,
      min(s.session_start) AS first_start,
      date_trunc('hour', min(s.session_start), zone_of(t.site)) AS first_hour,
      (array_agg(s.is_bot ORDER BY s.session_start, s.session_id))[1] AS is_first_bot
    FROM touched_visitors AS t
    CROSS JOIN LATERAL (
      SELECT * FROM sessions AS v WHERE v.site = t.site AND v.visitor_id = t.visitor_id OFFSET 0
    ) AS s
    LEFT JOIN user_aliases AS a ON a.site = t.site AND a.previous_id = s.user_id
    LEFT JOIN touched_users AS u ON u.site = t.site AND u.visitor_id = t.visitor_id AND u.user_count = 1
    GROUP BY 1, 2, 3, 4, 5, 6, 7;
  CREATE TEMPORARY TABLE touched_people ON COMMIT DROP AS
    SELECT d.site, d.person_id FROM touched_visitors AS t
    JOIN visit_days AS d ON d.site = t.site AND d.visitor_id = t.visitor_id
    UNION
    SELECT site, person_id FROM new_visit_days;
  ANALYZE touched_people;

  CREATE TEMPORARY TABLE people_changes ON COMMIT DROP AS SELECT * FROM people_facts(-1);
  DELETE FROM visit_days AS d USING touched_visitors AS t WHERE d.site = t.site AND d.visitor_id = t.visitor_id;
  INSERT INTO visit_days SELECT * FROM new_visit_days;
  INSERT INTO people_changes SELECT * FROM people_facts(1);

  INSERT INTO first_visits AS f SELECT site, hour, sum(n) FROM people_changes
  WHERE fact = 'first visit' GROUP BY 1, 2 HAVING sum(n) <> 0
  ON CONFLICT (site, hour) DO UPDATE SET person_count = f.person_count + EXCLUDED.person_count;
  DELETE FROM first_visits WHERE person_count = 0;
  INSERT INTO active_people AS p SELECT site, day, since, sum(n) FROM people_changes
  WHERE fact = 'active' GROUP BY 1, 2, 3 HAVING sum(n) <> 0
  ON CONFLICT (site, day, previous_day) DO UPDATE SET person_count = p.person_count + EXCLUDED.person_count;
  DELETE FROM active_people WHERE person_count = 0;
  INSERT INTO active_visitors AS v SELECT site, name, value, day, since, sum(n) FROM people_changes
  WHERE fact = 'visitor' GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) <> 0
  ON CONFLICT (site, dimension, day, value, previous_day)
  DO UPDATE SET visitor_count = v.visitor_count + EXCLUDED.visitor_count;
  DELETE FROM active_visitors WHERE visitor_count = 0;
  INSERT INTO cohorts AS c SELECT site, name, day, number, sum(n) FROM people_changes
  WHERE fact = 'cohort' GROUP BY 1, 2, 3, 4 HAVING sum(n) <> 0
  ON CONFLICT (site, unit, cohort, period) DO UPDATE SET person_count = c.person_count + EXCLUDED.person_count;
  DELETE FROM cohorts WHERE person_count = 0;
  INSERT INTO visits_per_person AS v SELECT site, number, sum(n) FROM people_changes
  WHERE fact = 'visits' GROUP BY 1, 2 HAVING sum(n) <> 0
  ON CONFLICT (site, visit_count) DO UPDATE SET person_count = v.person_count + EXCLUDED.person_count;
  DELETE FROM visits_per_person WHERE person_count = 0;
  RETURN visitors;
END
$$;
COMMENT ON FUNCTION refresh_people IS
  'recompute the audience roll-ups of the people behind all visitors of whom something was written since the last call; returns how many visitors';
