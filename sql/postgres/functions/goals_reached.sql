-- goals_reached: how often each goal was reached, by how many visitors, and what it earned in each currency ('' for
-- none): of the times that goals_between covers
--
-- Counts and revenue are read from the roll-up; visitors alone are counted from the goals themselves.
CREATE OR REPLACE FUNCTION goals_reached(site_name text, begins timestamptz, ends timestamptz)
RETURNS TABLE (goal text, currency text, event_count bigint, visitor_count bigint, revenue numeric)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  zone CONSTANT text := zone_of(site_name);
  grain CONSTANT text := grain_of(begins, ends);
  since timestamptz := begins;
  until timestamptz := ends;
BEGIN
  IF ends > begins + INTERVAL '6 hours' THEN  -- what goals_between has then: all of the hours or days that are touched
    since := date_trunc(grain, begins, zone);
    until := CASE grain
      WHEN 'hour' THEN date_trunc('hour', ends - INTERVAL '1 microsecond', zone) + INTERVAL '1 hour'
      ELSE midnight_of(site_name, ((ends - INTERVAL '1 microsecond') AT TIME ZONE zone)::date + 1)
    END - INTERVAL '1 microsecond';
  END IF;
  RETURN QUERY
    SELECT event_name, currency, g.event_count, coalesce(v.visitor_count, 0), g.revenue
    FROM (
      SELECT event_name, coalesce(currency, '') AS currency, sum(event_count)::bigint AS event_count, sum(revenue) AS revenue
      FROM goals_between(site_name, begins, ends) GROUP BY 1, 2
    ) AS g
    LEFT JOIN (
      SELECT event_name, currency, count(*) AS visitor_count
      FROM (
        SELECT DISTINCT event_name, coalesce(currency, '') AS currency, visitor_id FROM goal_events
        WHERE site = site_name AND event_time BETWEEN since AND until
      ) AS e
      GROUP BY 1, 2
    ) AS v USING (event_name, currency)
    ORDER BY 3 DESC, 1, 2;
END
$$;
COMMENT ON FUNCTION goals_reached IS
  'how often each goal was reached, by how many visitors, and what it earned in each currency ('''' for none): of the times that goals_between covers';
GRANT EXECUTE ON FUNCTION goals_reached TO footfall_reader;
