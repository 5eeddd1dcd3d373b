-- expire_chunks: let TimescaleDB drop older chunks: by its own policy where the licence has policies, else now
CREATE OR REPLACE FUNCTION expire_chunks(hypertable regclass, keep interval, moment timestamptz) RETURNS SETOF text
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
  policy interval;
BEGIN
  IF current_setting('timescaledb.license', true) = 'timescale' THEN
    SELECT (j.config ->> 'drop_after')::interval INTO policy
    FROM timescaledb_information.jobs AS j
    WHERE j.proc_name = 'policy_retention'
      AND format('%I.%I', j.hypertable_schema, j.hypertable_name)::regclass = hypertable;
    IF policy IS DISTINCT FROM keep THEN
      PERFORM remove_retention_policy(hypertable, if_exists => true);
      IF keep IS NOT NULL THEN
        PERFORM add_retention_policy(hypertable, keep);
      END IF;
      RETURN NEXT format('retention policy of %s: keep %s', hypertable, coalesce(keep::text, 'for ever'));
    END IF;
  ELSIF keep IS NOT NULL THEN
    RETURN QUERY SELECT format('dropped %s', c) FROM drop_chunks(hypertable, older_than => moment - keep) AS c;
  END IF;
END
$$;
