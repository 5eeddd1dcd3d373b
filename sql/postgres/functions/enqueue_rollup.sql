-- enqueue_rollup: enqueue the minutes that a statement wrote or removed: the roll-up of them is recomputed
--
-- Its argument is the table of the roll-up.
CREATE OR REPLACE FUNCTION enqueue_rollup() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  INSERT INTO rollup_refresh_queue SELECT DISTINCT TG_ARGV[0], site, window_start FROM touched_rows;
  RETURN NULL;
END
$$;
