-- maintain: make the partitions of the months around now, and drop what is past its retention
--
-- `CALL maintain();` as the owner, once a day or more often; a second call finds nothing to do. It is safe beside
-- writers: every step is a short transaction of its own that gives up after two seconds of waiting for a lock, and
-- tries again. It says what was done as INFO messages: a client shows them at every message level, and nothing else is
-- of that level.
CREATE OR REPLACE PROCEDURE maintain(moment timestamptz DEFAULT now())
LANGUAGE plpgsql AS $$
DECLARE
  step text;
  sentence text;
BEGIN
  FOR step IN SELECT s FROM maintenance_steps(moment) AS s LOOP
    FOR attempt IN 1..10 LOOP
      BEGIN
        FOR sentence IN EXECUTE step LOOP
          RAISE INFO '%', sentence;
        END LOOP;
        EXIT;
      EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
        IF attempt = 10 THEN
          RAISE;
        END IF;
        PERFORM pg_sleep(0.1 * attempt);  -- with no lock held: whoever was in the way goes on
      END;
    END LOOP;
    COMMIT;
  END LOOP;
END
$$;
