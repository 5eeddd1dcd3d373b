-- funnel_paths: how far each visitor came, of all or of these from these times on, and when: from begins to ends, or
-- for each day that they began on
--
-- One pass over each visitor's actions in their order. Of all paths to a step, the one that began last can go furthest
-- within the time, so one for each step is kept. From the last step to the first, so that no action is two steps. By
-- day, it is one pass for each day that a visitor began on. A day of a funnel's time is 24 hours.
CREATE OR REPLACE FUNCTION funnel_paths(
  asked funnels, begins timestamptz, ends timestamptz, by_day boolean,
  visitors text[] DEFAULT NULL, since timestamptz[] DEFAULT NULL
)
RETURNS TABLE (visitor_id text, day date, depth integer, step_times timestamptz[])
LANGUAGE plpgsql STABLE SET timezone = 'UTC' AS $$
DECLARE
  zone CONSTANT text := zone_of(asked.site);
  conditions CONSTANT text[] := (  -- of each step, on an action a
    SELECT array_agg(
      concat_ws(
        ' AND ',
        'a.event_type = ' || quote_literal(s.event_type), 'a.event_name = ' || quote_literal(s.event_name),
        'a.page_path LIKE ' || quote_literal(s.page_path), 'a.label = ' || quote_literal(s.label)
      ) ORDER BY s.step
    )
    FROM funnel_steps AS s WHERE s.site = asked.site AND s.funnel = asked.funnel
  );
  steps CONSTANT integer := cardinality(conditions);
  actions CONSTANT text := CASE
    WHEN visitors IS NULL THEN
      'FROM visit_events AS a WHERE a.site = $1 AND a.is_action AND a.event_time >= $2 AND a.event_time < $4'
    ELSE  -- each looked up by itself
      'FROM unnest($5, $6) AS t (visitor_id, since) CROSS JOIN LATERAL (SELECT * FROM visit_events AS e'
      ' WHERE e.site = $1 AND e.is_action AND e.visitor_id = t.visitor_id AND e.event_time >= greatest($2, t.since)'
      ' AND e.event_time < $4 OFFSET 0) AS a WHERE true'
  END;
  its_day CONSTANT text := CASE WHEN by_day THEN '(a.event_time AT TIME ZONE $7)::date' ELSE 'NULL::date' END;
  action record;
  times timestamptz[][];  -- of each step that is reached: when each step up to it was done
  places bigint[];        -- and the place of the last of these actions
  k integer;
BEGIN
  -- Most visitors never do what the second step asks: how far they came needs no look at one action after the other.
  RETURN QUERY EXECUTE format(
    'SELECT visitor_id, day, 1, ARRAY[began] FROM (SELECT a.visitor_id, %s AS day,'
    ' min(a.event_time) FILTER (WHERE %s AND a.event_time < $3) AS began,'
    ' bool_or(bool_or(%s)) OVER (PARTITION BY a.visitor_id) AS goes_on %s'
    ' GROUP BY 1, 2) AS v WHERE began IS NOT NULL AND goes_on IS NOT TRUE',
    its_day, conditions[1], coalesce(conditions[2], 'false'), actions
  ) USING asked.site, begins, ends, ends + asked.within, visitors, since, zone;
  IF steps = 1 THEN
    RETURN;
  END IF;

  depth := 0;
  FOR action IN EXECUTE format(
    'WITH matching AS (SELECT * FROM (SELECT a.visitor_id, a.event_time,'
    ' row_number() OVER (PARTITION BY a.visitor_id ORDER BY a.event_time, a.message_id) AS place,'
    ' array_remove(ARRAY[%s], NULL) AS matched, %s AS day %s'
    ' AND a.visitor_id IN (SELECT a.visitor_id %s AND %s)) AS v WHERE matched <> ''{}'')',
    (
      SELECT string_agg(format('CASE WHEN %s THEN %s END', c, n), ', ' ORDER BY n DESC)
      FROM unnest(conditions) WITH ORDINALITY AS u (c, n)
    ),
    its_day, actions, actions, conditions[2]
  ) || CASE
    WHEN by_day THEN
      ', days AS (SELECT d.*, d.day::timestamp AT TIME ZONE $7 AS opens, (d.day + 1)::timestamp AT TIME ZONE $7 AS closes'
      ' FROM (SELECT DISTINCT visitor_id, day FROM matching WHERE 1 = ANY (matched)) AS d)'
      ' SELECT m.visitor_id, m.event_time, m.place, m.matched, d.day, d.closes FROM days AS d JOIN matching AS m'
      ' ON m.visitor_id = d.visitor_id AND m.event_time >= d.opens AND m.event_time < d.closes + $8'
      ' ORDER BY m.visitor_id, d.day, m.place'
    ELSE 'SELECT *, $3 AS closes FROM matching ORDER BY visitor_id, place'
  END USING asked.site, begins, ends, ends + asked.within, visitors, since, zone, asked.within LOOP
    IF action.visitor_id IS DISTINCT FROM visitor_id OR action.day <> day THEN
      IF depth > 0 THEN
        RETURN NEXT;
      END IF;
      visitor_id := action.visitor_id;
      day := action.day;
      depth := 0;
      step_times := NULL;
      times := array_fill(NULL::timestamptz, ARRAY[steps, steps]);
      places := array_fill(NULL::bigint, ARRAY[steps]);
    END IF;
    FOREACH k IN ARRAY action.matched LOOP
      IF k = 1 AND action.event_time < action.closes THEN
        times[1][1] := action.event_time;
      ELSIF k > 1 AND action.event_time <= times[k - 1][1] + asked.within
        AND (NOT asked.is_strict OR places[k - 1] = action.place - 1) THEN
        FOR earlier IN 1..k - 1 LOOP
          times[k][earlier] := times[k - 1][earlier];
        END LOOP;
        times[k][k] := action.event_time;
      ELSE
        CONTINUE;
      END IF;
      places[k] := action.place;
      IF k > depth THEN
        depth := k;
        step_times := (SELECT array_agg(t ORDER BY n) FROM unnest(times[k:k][1:k]) WITH ORDINALITY AS u (t, n));
      END IF;
    END LOOP;
  END LOOP;
  IF depth > 0 THEN
    RETURN NEXT;
  END IF;
END
$$;
COMMENT ON FUNCTION funnel_paths IS
  'how far each visitor came, of all or of these from these times on, and when: from begins to ends, or for each day that they began on';
GRANT EXECUTE ON FUNCTION funnel_paths TO footfall_reader;
