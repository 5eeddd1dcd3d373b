-- stickiness: people of a day, of the 7 and of the 30 days up to it (DAU, WAU, MAU), and DAU / MAU
CREATE OR REPLACE FUNCTION stickiness(site_name text, day date)
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
GRANT EXECUTE ON FUNCTION stickiness TO footfall_reader;
