-- take_queue: move the distinct rows of a change queue into a temporary table of the transaction; false where it is
-- empty
--
-- One transaction at a time: a second one would find the queue empty, and think that all is recomputed.
CREATE OR REPLACE FUNCTION take_queue(queue text, taken text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  is_empty boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext(queue));
  EXECUTE format('SELECT NOT EXISTS (SELECT FROM %I)', queue) INTO is_empty;
  IF is_empty THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TEMPORARY TABLE %I ON COMMIT DROP AS SELECT * FROM %I WHERE false', taken, queue);
  EXECUTE format(
    'WITH q AS (DELETE FROM %I RETURNING *) INSERT INTO %I SELECT DISTINCT * FROM q', queue, taken
  );
  EXECUTE format('ANALYZE %I', taken);
  RETURN true;
END
$$;
