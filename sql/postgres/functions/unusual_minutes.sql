-- unusual_minutes: minutes with more or fewer page views than the band allows, with their distance from what is
-- expected in deviations
CREATE OR REPLACE FUNCTION unusual_minutes(
  site_name text, begins timestamptz, ends timestamptz, weeks integer DEFAULT 4, tolerance double precision DEFAULT 4
)
RETURNS TABLE (minute timestamptz, direction text, page_view_count bigint, expected double precision,
  size double precision)
LANGUAGE sql STABLE AS $$
  SELECT
    minute, CASE WHEN page_view_count > expected THEN 'more' ELSE 'fewer' END, page_view_count, expected,
    abs(page_view_count - expected) / deviation
  FROM traffic_band(site_name, begins, ends, weeks)
  WHERE abs(page_view_count - expected) > tolerance * deviation
$$;
COMMENT ON FUNCTION unusual_minutes IS
  'minutes with more or fewer page views than the band allows, with their distance from what is expected in deviations';
GRANT EXECUTE ON FUNCTION unusual_minutes TO footfall_reader;
