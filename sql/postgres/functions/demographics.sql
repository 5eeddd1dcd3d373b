-- demographics: distinct visitors by country, language and device; a group of fewer visitors than the floor (at least
-- 2) is not shown
CREATE OR REPLACE FUNCTION demographics(site_name text, first_day date, last_day date, fewest integer DEFAULT 10)
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
GRANT EXECUTE ON FUNCTION demographics TO footfall_reader;
