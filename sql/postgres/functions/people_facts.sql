-- people_facts: what the people and visitors of the temporary tables touched_people and touched_visitors contribute to
-- each sum
--
-- People of several days are no sum of those of each day. But of each day on which somebody came, let the day before that
-- on which they came be known: then those of any stretch of days are those whose day before lies outside of it, each
-- counted on their first day within. So sums of "so many came on this day, and last on that one" are exact for any
-- days.
CREATE OR REPLACE FUNCTION people_facts(sign integer)
RETURNS TABLE (fact text, site text, name text, value text, hour timestamptz, day date, since date, number integer, n integer)
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY
    WITH rows AS MATERIALIZED (
      SELECT d.* FROM touched_people AS t CROSS JOIN LATERAL (
        SELECT * FROM visit_days AS v WHERE v.site = t.site AND v.person_id = t.person_id OFFSET 0
      ) AS d
    ),
    days AS MATERIALIZED (
      SELECT
        r.site, r.person_id, r.day, coalesce(lag(r.day) OVER person, '-infinity') AS previous,
        min(r.day) OVER (PARTITION BY r.site, r.person_id) AS first_day
      FROM (SELECT DISTINCT d.site, d.person_id, d.day FROM rows AS d WHERE d.visit_count > 0) AS r
      WINDOW person AS (PARTITION BY r.site, r.person_id ORDER BY r.day)
    )
    SELECT 'first visit', f.site, NULL, NULL, f.first_hour, NULL::date, NULL::date, NULL::integer, sign
    FROM (
      SELECT DISTINCT ON (r.site, r.person_id) r.site, r.first_hour, r.is_first_bot
      FROM rows AS r ORDER BY r.site, r.person_id, r.first_start, r.is_first_bot
    ) AS f WHERE NOT f.is_first_bot
    UNION ALL
    SELECT 'active', d.site, NULL, NULL, NULL, d.day, d.previous, NULL, sign FROM days AS d
    UNION ALL
    SELECT 'cohort', c.site, c.unit, NULL, NULL, c.cohort, NULL, c.period, sign
    FROM (
      SELECT DISTINCT
        d.site, d.person_id, u.unit, date_trunc(u.unit, d.first_day::timestamp)::date AS cohort,
        CASE u.unit
          WHEN 'day' THEN d.day - d.first_day
          WHEN 'week' THEN
            (date_trunc('week', d.day::timestamp)::date - date_trunc('week', d.first_day::timestamp)::date) / 7
          ELSE ((extract(year FROM d.day) - extract(year FROM d.first_day)) * 12
            + extract(month FROM d.day) - extract(month FROM d.first_day))::integer
        END AS period
      FROM days AS d CROSS JOIN (VALUES ('day'), ('week'), ('month')) AS u (unit)
    ) AS c
    UNION ALL
    SELECT 'visits', v.site, NULL, NULL, NULL, NULL, NULL, v.visits, sign
    FROM (
      SELECT r.site, least(sum(r.visit_count), 10)::integer AS visits FROM rows AS r GROUP BY r.site, r.person_id
    ) AS v WHERE v.visits > 0
    UNION ALL
    SELECT
      'visitor', v.site, v.dimension, v.value, NULL, v.day,
      coalesce(lag(v.day) OVER (PARTITION BY v.site, v.visitor_id, v.dimension, v.value ORDER BY v.day), '-infinity'),
      NULL, sign
    FROM (
      SELECT DISTINCT d.site, d.visitor_id, d.day, x.dimension, x.value
      FROM touched_visitors AS t CROSS JOIN LATERAL (
        SELECT * FROM visit_days AS v WHERE v.site = t.site AND v.visitor_id = t.visitor_id AND v.visit_count > 0 OFFSET 0
      ) AS d
      CROSS JOIN LATERAL (VALUES
        ('country', d.country), ('language', d.language_code), ('device', d.device_type)
      ) AS x (dimension, value)
    ) AS v;
END
$$;
