-- traffic_for: traffic_between of an audience (people, programs, everything), a device and a country, % being any:
-- from the fewest rows that have it
--
-- Months of pages by device and country are many rows, which a question about all devices and countries need not read.
CREATE OR REPLACE FUNCTION traffic_for(
  site_name text, begins timestamptz, ends timestamptz, breakdown_name text, audience text, device text, country_code text
) RETURNS SETOF traffic
LANGUAGE sql STABLE AS $$
  SELECT * FROM traffic_between(
    site_name, begins, ends,
    CASE WHEN device = '%' AND country_code = '%' AND breakdown_name IN ('channel', 'entry page', 'exit page')
      THEN breakdown_name || ' alone' ELSE breakdown_name END
  )
  WHERE (audience = 'everything' OR is_bot = (audience = 'programs'))
    AND device IN ('%', device_type) AND country_code IN ('%', country)
$$;
COMMENT ON FUNCTION traffic_for IS
  'traffic_between of an audience (people, programs, everything), a device and a country, % being any: from the fewest rows that have it';
GRANT EXECUTE ON FUNCTION traffic_for TO footfall_reader;
