-- grain_of: the grain in which roll-ups are read for these times: the hour, over eight days the day
--
-- One rule for every panel. The first hour or day is the one in which the time begins: first_period_of.
CREATE OR REPLACE FUNCTION grain_of(begins timestamptz, ends timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN ends > begins + INTERVAL '192 hours' THEN 'day' ELSE 'hour' END
$$;
GRANT EXECUTE ON FUNCTION grain_of TO footfall_reader;
