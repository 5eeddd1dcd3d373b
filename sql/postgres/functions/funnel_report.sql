-- funnel_report: visitors that reached each step, their share of those of the step before, and the median time between
-- the two, within 1 %
--
-- A funnel that was edited is computed from the actions until refresh_funnels has recomputed it. A funnel that is not
-- there is a mistake, not an answer without rows.
CREATE OR REPLACE FUNCTION funnel_report(site_name text, funnel_name text, first_day date, last_day date)
RETURNS TABLE (step integer, name text, visitor_count bigint, share_of_previous numeric, median_seconds double precision)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  PERFORM funnel_named(site_name, funnel_name);
  IF EXISTS (SELECT FROM funnel_rebuild_queue AS c WHERE c.site = site_name AND c.funnel = funnel_name) THEN
    RETURN QUERY
      WITH reached AS (SELECT * FROM funnel_visitors(site_name, funnel_name, first_day, last_day)),
      counts AS (
        SELECT
          s.step, s.name, count(r.visitor_id) AS visitor_count,
          percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM r.step_times[s.step] - r.step_times[s.step - 1])::float8
          ) AS median_seconds
        FROM funnel_steps AS s LEFT JOIN reached AS r ON r.depth >= s.step
        WHERE s.site = site_name AND s.funnel = funnel_name
        GROUP BY s.step, s.name
      )
      SELECT
        c.step, c.name, c.visitor_count, c.visitor_count::numeric / nullif(lag(c.visitor_count) OVER (ORDER BY c.step), 0),
        c.median_seconds
      FROM counts AS c ORDER BY c.step;
  ELSE
    RETURN QUERY
      WITH counts AS (
        SELECT c.step, sum(c.visitor_count)::bigint AS visitor_count FROM funnel_counts AS c
        WHERE c.site = site_name AND c.funnel = funnel_name AND c.day BETWEEN first_day AND last_day
          AND c.previous_day < first_day
        GROUP BY c.step
      ),
      buckets AS (
        SELECT t.step, t.bucket, sum(t.visitor_count)::bigint AS visitor_count FROM funnel_times AS t
        WHERE t.site = site_name AND t.funnel = funnel_name AND t.day BETWEEN first_day AND last_day
          AND t.better_before < first_day AND t.better_after > last_day
        GROUP BY t.step, t.bucket
      ),
      times AS (
        SELECT
          b.step, (bucket_percentiles(array_agg(b.bucket), array_agg(b.visitor_count), '{0.5}'))[1] / 1000 AS median_seconds
        FROM buckets AS b GROUP BY b.step
      )
      SELECT
        s.step, s.name, coalesce(c.visitor_count, 0),
        coalesce(c.visitor_count, 0)::numeric / nullif(lag(coalesce(c.visitor_count, 0)) OVER (ORDER BY s.step), 0),
        t.median_seconds
      FROM funnel_steps AS s LEFT JOIN counts AS c ON c.step = s.step LEFT JOIN times AS t ON t.step = s.step
      WHERE s.site = site_name AND s.funnel = funnel_name
      ORDER BY s.step;
  END IF;
END
$$;
COMMENT ON FUNCTION funnel_report IS
  'visitors that reached each step, their share of those of the step before, and the median time between the two, within 1 %';
GRANT EXECUTE ON FUNCTION funnel_report TO footfall_reader;
