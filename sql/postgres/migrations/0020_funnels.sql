-- The same funnels, sooner: who never did the second step is told by one pass over all actions, and the steps
-- that an action matches by conditions in the query, where a look into the table of steps was made for each.

-- migrate:up

CREATE OR REPLACE FUNCTION funnel_visitors(site_name text, funnel_name text, first_day date, last_day date)
RETURNS TABLE (visitor_id text, depth integer, step_times timestamptz[])
LANGUAGE plpgsql STABLE AS $$
DECLARE
  asked funnels;
  steps CONSTANT integer := (SELECT count(*) FROM funnel_steps AS s WHERE s.site = site_name AND s.funnel = funnel_name);
  begins CONSTANT timestamptz := midnight_of(site_name, first_day);
  ends CONSTANT timestamptz := midnight_of(site_name, last_day + 1);
  action record;
  conditions text[];  -- of each step, on an action a
  actions text;
  times timestamptz[][];  -- of each step that is reached: when each step up to it was done
  places bigint[];        -- and the place of the last of these actions
  k integer;
BEGIN
  SELECT * INTO asked FROM funnels AS f WHERE f.site = site_name AND f.funnel = funnel_name;
  IF asked IS NULL OR steps = 0 OR steps <> (
    SELECT max(step) FROM funnel_steps AS s WHERE s.site = site_name AND s.funnel = funnel_name
  ) THEN
    RAISE EXCEPTION 'site % has no funnel % with steps 1, 2, …', site_name, funnel_name;
  END IF;
  SELECT array_agg(
    concat_ws(
      ' AND ',
      'a.event_type = ' || quote_literal(s.event_type), 'a.event_name = ' || quote_literal(s.event_name),
      'a.page_path LIKE ' || quote_literal(s.page_path), 'a.label = ' || quote_literal(s.label)
    ) ORDER BY s.step
  )
  INTO conditions FROM funnel_steps AS s WHERE s.site = site_name AND s.funnel = funnel_name;
  actions := 'FROM visit_events AS a WHERE a.site = $1 AND a.is_action AND a.event_time >= $2 AND a.event_time < $4';

  -- Most visitors never do what the second step asks: how far they came needs no look at one action after the other.
  RETURN QUERY EXECUTE format(
    'SELECT visitor_id, 1, ARRAY[began] FROM ('
    'SELECT a.visitor_id, min(a.event_time) FILTER (WHERE %s AND a.event_time < $3) AS began, bool_or(%s) AS goes_on %s'
    ' GROUP BY a.visitor_id) AS v WHERE began IS NOT NULL AND goes_on IS NOT TRUE',
    conditions[1], coalesce(conditions[2], 'false'), actions
  ) USING site_name, begins, ends, ends + asked.within;
  IF steps = 1 THEN
    RETURN;
  END IF;

  depth := 0;
  FOR action IN EXECUTE format(
    'SELECT * FROM (SELECT a.visitor_id, a.event_time,'
    ' row_number() OVER (PARTITION BY a.visitor_id ORDER BY a.event_time, a.message_id) AS place,'
    ' array_remove(ARRAY[%s], NULL) AS matched %s'
    ' AND a.visitor_id IN (SELECT a.visitor_id %s AND %s)) AS v WHERE matched <> ''{}'' ORDER BY visitor_id, place',
    (
      SELECT string_agg(format('CASE WHEN %s THEN %s END', c, n), ', ' ORDER BY n DESC)
      FROM unnest(conditions) WITH ORDINALITY AS u (c, n)
    ),
    actions, actions, conditions[2]
  ) USING site_name, begins, ends, ends + asked.within LOOP
    IF action.visitor_id IS DISTINCT FROM visitor_id THEN
      IF depth > 0 THEN
        RETURN NEXT;
      END IF;
      visitor_id := action.visitor_id;
      depth := 0;
      step_times := NULL;
      times := array_fill(NULL::timestamptz, ARRAY[steps, steps]);
      places := array_fill(NULL::bigint, ARRAY[steps]);
    END IF;
    FOREACH k IN ARRAY coalesce(action.matched, '{}') LOOP
      IF k = 1 AND action.event_time < ends THEN
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

-- migrate:down

CREATE OR REPLACE FUNCTION funnel_visitors(site_name text, funnel_name text, first_day date, last_day date)
RETURNS TABLE (visitor_id text, depth integer, step_times timestamptz[])
LANGUAGE plpgsql STABLE AS $$
DECLARE
  asked funnels;
  steps CONSTANT integer := (SELECT count(*) FROM funnel_steps AS s WHERE s.site = site_name AND s.funnel = funnel_name);
  begins CONSTANT timestamptz := midnight_of(site_name, first_day);
  ends CONSTANT timestamptz := midnight_of(site_name, last_day + 1);
  action record;
  times timestamptz[][];  -- of each step that is reached: when each step up to it was done
  places bigint[];        -- and the place of the last of these actions
  k integer;
BEGIN
  SELECT * INTO asked FROM funnels AS f WHERE f.site = site_name AND f.funnel = funnel_name;
  IF asked IS NULL OR steps = 0 OR steps <> (
    SELECT max(step) FROM funnel_steps AS s WHERE s.site = site_name AND s.funnel = funnel_name
  ) THEN
    RAISE EXCEPTION 'site % has no funnel % with steps 1, 2, …', site_name, funnel_name;
  END IF;
  depth := 0;
  FOR action IN
    SELECT
      a.visitor_id, a.event_time,
      row_number() OVER (PARTITION BY a.visitor_id ORDER BY a.event_time, a.message_id) AS place,
      (
        SELECT array_agg(s.step ORDER BY s.step DESC) FROM funnel_steps AS s
        WHERE s.site = site_name AND s.funnel = funnel_name
          AND (s.event_type IS NULL OR s.event_type = a.event_type)
          AND (s.event_name IS NULL OR s.event_name = a.event_name)
          AND (s.page_path IS NULL OR a.page_path LIKE s.page_path)
          AND (s.label IS NULL OR s.label = a.label)
      ) AS matched
    FROM visit_events AS a
    WHERE a.site = site_name AND a.is_action AND a.event_time >= begins AND a.event_time < ends + asked.within
    ORDER BY a.visitor_id, place
  LOOP
    IF action.visitor_id IS DISTINCT FROM visitor_id THEN
      IF depth > 0 THEN
        RETURN NEXT;
      END IF;
      visitor_id := action.visitor_id;
      depth := 0;
      step_times := NULL;
      times := array_fill(NULL::timestamptz, ARRAY[steps, steps]);
      places := array_fill(NULL::bigint, ARRAY[steps]);
    END IF;
    FOREACH k IN ARRAY coalesce(action.matched, '{}') LOOP
      IF k = 1 AND action.event_time < ends THEN
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
