-- refresh_anomalies: search the minutes of each site that are new or follow from changed ones, four weeks a call at
-- most; returns how many
--
-- Each minute is searched once, and once more when a minute from which it follows was written again.
CREATE OR REPLACE FUNCTION refresh_anomalies(moment timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  here record;
  begins timestamptz;
  ends timestamptz;
  minutes bigint := 0;
BEGIN
  -- One at a time: a second would find the queue empty, and think that all is searched.
  PERFORM pg_advisory_xact_lock(hashtext('refresh_anomalies'));
  FOR here IN
    WITH queued AS (DELETE FROM anomaly_refresh_queue RETURNING *),
    changed AS (SELECT site, min(window_start) AS since FROM queued GROUP BY site)
    SELECT
      site, zone_of(site) AS zone, since, j.zone AS former_zone, j.first_minute AS former_first, j.checked_until,
      (SELECT min(p.window_start) FROM page_views_per_minute AS p WHERE p.site = s.site) AS first_minute
    FROM (SELECT site FROM changed UNION SELECT site FROM anomaly_progress) AS s
    LEFT JOIN changed USING (site) LEFT JOIN anomaly_progress AS j USING (site)
    ORDER BY site
  LOOP
    IF here.first_minute IS NULL THEN  -- nothing is left of it to say what was unusual
      DELETE FROM anomalies WHERE site = here.site;
      DELETE FROM anomaly_progress WHERE site = here.site;
      CONTINUE;
    END IF;
    -- A minute is written some 70 s after its end.
    ends := date_trunc('minute', moment - INTERVAL '3 minutes');
    IF here.checked_until IS NULL OR here.zone <> here.former_zone OR here.first_minute < here.former_first THEN
      begins := here.first_minute;
    ELSE
      -- A minute decides about itself and about the weeks behind it.
      begins := least(here.checked_until, here.since);
    END IF;
    -- The run that this goes through is recomputed from its start; the one that it follows goes on.
    SELECT coalesce(min(started), begins) INTO begins FROM anomalies
    WHERE site = here.site AND started < begins AND coalesce(ended, here.checked_until) > begins;
    -- Four weeks a call at most, some seconds: after years of history were loaded, traffic and pages go on in between.
    ends := greatest(begins, least(ends, begins + INTERVAL '28 days'));
    DELETE FROM anomalies WHERE site = here.site AND started >= begins;

    WITH odd AS (
      SELECT *, minute - row_number() OVER (PARTITION BY direction ORDER BY minute) * INTERVAL '1 minute' AS run
      FROM unusual_minutes(here.site, begins, ends)
    )
    INSERT INTO anomalies
    SELECT
      here.site, 'page views', min(minute), nullif(max(minute) + INTERVAL '1 minute', ends), direction, count(*),
      sum(page_view_count), sum(expected), max(size), (array_agg(minute ORDER BY size DESC, minute))[1],
      (array_agg(page_view_count ORDER BY size DESC, minute))[1]
    FROM odd GROUP BY direction, run;

    IF ends > begins THEN
      WITH more AS (
        DELETE FROM anomalies AS a USING anomalies AS before
        WHERE a.site = here.site AND a.started = begins AND before.site = a.site AND before.metric = a.metric
          AND before.started < begins AND coalesce(before.ended, begins) = begins AND before.direction = a.direction
        RETURNING a.*, before.started AS since
      )
      UPDATE anomalies AS a SET
        ended = more.ended,
        minute_count = a.minute_count + more.minute_count,
        actual = a.actual + more.actual,
        expected = a.expected + more.expected,
        size = greatest(a.size, more.size),
        worst_minute = CASE WHEN more.size > a.size THEN more.worst_minute ELSE a.worst_minute END,
        worst_value = CASE WHEN more.size > a.size THEN more.worst_value ELSE a.worst_value END
      FROM more WHERE a.site = more.site AND a.metric = more.metric AND a.started = more.since;
      UPDATE anomalies AS a SET ended = begins
      WHERE a.site = here.site AND a.ended IS NULL AND a.started < begins
        AND a.started + a.minute_count * INTERVAL '1 minute' = begins;
    END IF;
    INSERT INTO anomaly_progress VALUES (here.site, here.zone, here.first_minute, ends)
    ON CONFLICT (site) DO UPDATE SET
      zone = EXCLUDED.zone, first_minute = EXCLUDED.first_minute, checked_until = EXCLUDED.checked_until;
    minutes := minutes + extract(epoch FROM ends - begins) / 60;
  END LOOP;
  RETURN minutes;
END
$$;
COMMENT ON FUNCTION refresh_anomalies IS
  'search the minutes of each site that are new or follow from changed ones, four weeks a call at most; returns how many';
