-- fine_grain_of: as grain_of, but the minute up to six hours: of what can be read by the minute as well
--
-- Of the two halves of actions_between and its like, the planner drops the one that is not asked.
CREATE OR REPLACE FUNCTION fine_grain_of(begins timestamptz, ends timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN ends <= begins + INTERVAL '6 hours' THEN 'minute' ELSE grain_of(begins, ends) END
$$;
GRANT EXECUTE ON FUNCTION fine_grain_of TO footfall_reader;
