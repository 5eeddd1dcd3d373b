-- retention: people first seen in each day, week or month of the site's time zone, and how many came back so many
-- periods later
CREATE OR REPLACE FUNCTION retention(site_name text, unit text, first_day date, last_day date)
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
GRANT EXECUTE ON FUNCTION retention TO footfall_reader;
