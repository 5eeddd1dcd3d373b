-- extend_visit: the visit that is open after an event, of the one that was open before it; NULL for none
--
-- A visit is {start, last act, events}, times in ms since 1970. The rule is that of visits() in Flink (flink/,
-- Rules.java): an act within half an hour of the act before goes on with its visit, any other begins one; what is no act
-- belongs to the visit that is open; after a day, or 10,000 events, the next act begins another.
CREATE OR REPLACE FUNCTION extend_visit(visit bigint[], at timestamptz, is_act boolean) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  ms constant bigint := extract(epoch FROM at) * 1000;
BEGIN
  IF ms - visit[2] <= 1800000 AND ms - visit[1] < 86400000 AND visit[3] < 10000 THEN
    RETURN ARRAY[visit[1], CASE WHEN is_act THEN ms ELSE visit[2] END, visit[3] + 1];
  ELSIF is_act THEN
    RETURN ARRAY[ms, ms, 1];
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION extend_visit IS 'the visit that is open after an event, of the one that was open before it; NULL for none';
GRANT EXECUTE ON FUNCTION extend_visit TO footfall_reader;
