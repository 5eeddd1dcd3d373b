-- refresh_counts: recompute the hours and days of elements, arrivals, custom_events, actions and links of which
-- something was written since the last call; returns how many hours
CREATE OR REPLACE FUNCTION refresh_counts() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  here record;
  hours bigint;
BEGIN
  IF NOT take_queue('rollup_refresh_queue', 'queued_minutes') THEN
    RETURN 0;
  END IF;
  CREATE TEMPORARY TABLE changed_count_hours ON COMMIT DROP AS
    WITH minutes AS (SELECT DISTINCT rollup_name, site, date_trunc('minute', happened_at) AS minute FROM queued_minutes)
    SELECT DISTINCT rollup_name, site, h.zone, h.hour, h.day
    FROM minutes CROSS JOIN LATERAL local_hour_of(site, minute) AS h;
  GET DIAGNOSTICS hours = ROW_COUNT;
  ANALYZE changed_count_hours;

  FOR here IN
    SELECT *, (SELECT string_agg(format('sum(x.%I)', s), ', ' ORDER BY n) FROM unnest(sums) WITH ORDINALITY AS u (s, n)) AS summed
    FROM (VALUES
      ('elements', 'elements', 'elements_per_minute', 'window_start', 'x.element_name, x.page_path, x.utm_campaign',
        ARRAY['view_count', 'click_count']),
      ('arrivals', 'arrivals', 'arrivals_per_minute', 'window_start', 'x.library, x.outcome', ARRAY['event_count']),
      ('custom_events', 'custom_events', 'custom_events_per_minute', 'window_start', 'x.event_name, x.label',
        ARRAY['event_count']),
      ('actions', 'actions', 'action_events', 'event_time', 'x.event_type, x.event_name, x.currency',
        ARRAY['event_count', 'revenue']),
      ('actions', 'links', 'link_events', 'event_time', 'x.target_url', ARRAY['click_count'])
    ) AS v (rollup_name, target, source, at, keys, sums)
    WHERE EXISTS (SELECT FROM changed_count_hours AS c WHERE c.rollup_name = v.rollup_name)
  LOOP
    EXECUTE format(
      'DELETE FROM %I AS x USING changed_count_hours AS c'
      ' WHERE c.rollup_name = %L AND x.site = c.site AND x.grain = ''hour'' AND x.period_start = c.hour',
      here.target, here.rollup_name
    );
    EXECUTE format(
      'INSERT INTO %1$I SELECT c.site, ''hour'', c.hour, %2$s, %3$s FROM changed_count_hours AS c CROSS JOIN LATERAL ('
      -- On the day on which a clock changes, two hours share these times. OFFSET 0 has each
      -- hour looked up by itself: all rows compared with all hours would take the longer the more of both there are.
      'SELECT * FROM %4$I AS s WHERE s.site = c.site'
      ' AND s.%5$I >= c.hour AND s.%5$I < c.hour + INTERVAL ''1 hour'''
      ' AND date_trunc(''hour'', s.%5$I, c.zone) = c.hour OFFSET 0'
      ') AS x WHERE c.rollup_name = %6$L GROUP BY c.site, c.hour, %2$s',
      here.target, here.keys, here.summed, here.source, here.at, here.rollup_name
    );
    EXECUTE format(
      'DELETE FROM %I AS x USING (SELECT DISTINCT site, day FROM changed_count_hours WHERE rollup_name = %L) AS c'
      ' WHERE x.site = c.site AND x.grain = ''day'' AND x.period_start = midnight_of(c.site, c.day)',
      here.target, here.rollup_name
    );
    EXECUTE format(
      'INSERT INTO %1$I SELECT c.site, ''day'', midnight_of(c.site, c.day), %2$s, %3$s'
      ' FROM (SELECT DISTINCT site, day FROM changed_count_hours WHERE rollup_name = %4$L) AS c JOIN %1$I AS x'
      ' ON x.site = c.site AND x.grain = ''hour'' AND x.period_start >= midnight_of(c.site, c.day)'
      ' AND x.period_start < midnight_of(c.site, c.day + 1) GROUP BY c.site, c.day, %2$s',
      here.target, here.keys, here.summed, here.rollup_name
    );
  END LOOP;
  RETURN hours;
END
$$;
COMMENT ON FUNCTION refresh_counts IS
  'recompute the hours and days of elements, arrivals, custom_events, actions and links of which something was written since the last call; returns how many hours';
