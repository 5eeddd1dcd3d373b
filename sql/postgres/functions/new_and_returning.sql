-- new_and_returning: visits that are somebody's first, and all others, by the hours that these times touch; over eight
-- days, by days
CREATE OR REPLACE FUNCTION new_and_returning(site_name text, begins timestamptz, ends timestamptz)
RETURNS TABLE (period_start timestamptz, new_count bigint, returning_count bigint)
LANGUAGE sql STABLE AS $$
  SELECT v.period_start, coalesce(f.n, 0)::bigint, (v.n - coalesce(f.n, 0))::bigint
  FROM (
    SELECT t.period_start, sum(t.visit_count) AS n
    FROM traffic_between(site_name, begins, ends, 'language') AS t WHERE NOT t.is_bot GROUP BY 1
  ) AS v
  LEFT JOIN (
    SELECT date_trunc(grain_of(begins, ends), hour, zone_of(site_name)) AS period_start, sum(person_count) AS n
    FROM first_visits
    WHERE site = site_name AND hour >= first_period_of(site_name, begins, ends) AND hour < ends
    GROUP BY 1
  ) AS f USING (period_start)
  ORDER BY 1
$$;
COMMENT ON FUNCTION new_and_returning IS
  'visits that are somebody''s first, and all others, by the hours that these times touch; over eight days, by days';
GRANT EXECUTE ON FUNCTION new_and_returning TO footfall_reader;
