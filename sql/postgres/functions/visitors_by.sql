-- visitors_by: what demographics says, from the audience roll-ups: a group of fewer visitors than the floor (at least
-- 2) is not shown
CREATE OR REPLACE FUNCTION visitors_by(site_name text, first_day date, last_day date, fewest integer DEFAULT 10)
RETURNS TABLE (dimension text, value text, visitor_count bigint)
LANGUAGE sql STABLE AS $$
  SELECT v.dimension, v.value, sum(v.visitor_count)::bigint
  FROM active_visitors AS v
  WHERE v.site = site_name AND v.day BETWEEN first_day AND last_day AND v.previous_day < first_day
  GROUP BY v.dimension, v.value
  HAVING sum(v.visitor_count) >= greatest(fewest, 2)
  ORDER BY v.dimension, sum(v.visitor_count) DESC, v.value
$$;
COMMENT ON FUNCTION visitors_by IS
  'what demographics says, from the audience roll-ups: a group of fewer visitors than the floor (at least 2) is not shown';
GRANT EXECUTE ON FUNCTION visitors_by TO footfall_reader;
