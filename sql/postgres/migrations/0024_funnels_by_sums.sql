-- Funnels told from the sums of 0023_funnels_counted.sql, and those sums kept right.

-- migrate:up

CREATE FUNCTION funnel_named(site_name text, funnel_name text) RETURNS funnels
LANGUAGE plpgsql STABLE AS $$
DECLARE
  asked funnels;
BEGIN
  SELECT * INTO asked FROM funnels AS f
  WHERE f.site = site_name AND f.funnel = funnel_name AND (
    SELECT count(*) > 0 AND count(*) = max(s.step) FROM funnel_steps AS s
    WHERE s.site = site_name AND s.funnel = funnel_name
  );
  IF NOT FOUND THEN
    RAISE EXCEPTION 'site % has no funnel % with steps 1, 2, …', site_name, funnel_name;
  END IF;
  RETURN asked;
END
$$;
COMMENT ON FUNCTION funnel_named IS 'the funnel; an error where there is none, or where its steps have a gap';

-- One pass over each visitor's actions in their order. Of all ways to a step, the one that began last can go furthest
-- within the time, so one for each step is kept. From the last step to the first, so that no action is two steps.
-- By day, it is one pass for each day that a visitor began on. A day of a funnel's time is 24 hours.
CREATE FUNCTION funnel_ways(
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
COMMENT ON FUNCTION funnel_ways IS
  'how far each visitor came, of all or of these from these times on, and when: from begins to ends, or for each day that they began on';

CREATE OR REPLACE FUNCTION funnel_visitors(site_name text, funnel_name text, first_day date, last_day date)
RETURNS TABLE (visitor_id text, depth integer, step_times timestamptz[])
LANGUAGE sql STABLE AS $$
  SELECT w.visitor_id, w.depth, w.step_times
  FROM funnel_ways(
    funnel_named(site_name, funnel_name), midnight_of(site_name, first_day), midnight_of(site_name, last_day + 1), false
  ) AS w
$$;

CREATE OR REPLACE FUNCTION funnel_report(site_name text, funnel_name text, first_day date, last_day date)
RETURNS TABLE (step integer, name text, visitor_count bigint, share_of_previous numeric, median_seconds double precision)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  PERFORM funnel_named(site_name, funnel_name);
  IF EXISTS (SELECT FROM changed_funnels AS c WHERE c.site = site_name AND c.funnel = funnel_name) THEN
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

-- What the visitors of the temporary table touched_attempts contribute to each sum.
CREATE FUNCTION funnel_facts(sign integer)
RETURNS TABLE (
  fact text, site text, funnel text, step integer, day date, day_before date, day_after date, bucket integer, n integer
)
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY
    WITH attempts AS MATERIALIZED (
      SELECT a.* FROM touched_attempts AS t CROSS JOIN LATERAL (
        SELECT * FROM funnel_attempts AS f WHERE f.site = t.site AND f.funnel = t.funnel AND f.visitor_id = t.visitor_id
        OFFSET 0
      ) AS a
    )
    SELECT
      'count', a.site, a.funnel, s.step, a.day,
      coalesce(lag(a.day) OVER (PARTITION BY a.site, a.funnel, a.visitor_id, s.step ORDER BY a.day), '-infinity'),
      NULL::date, NULL::integer, sign
    FROM attempts AS a CROSS JOIN LATERAL generate_series(1, a.depth) AS s (step)
    UNION ALL
    SELECT
      'time', a.site, a.funnel, s.step, a.day, coalesce(better.day_before, '-infinity'), coalesce(better.day_after, 'infinity'),
      bucket_of(1000 * extract(epoch FROM a.step_times[s.step] - a.step_times[s.step - 1])::float8), sign
    FROM attempts AS a
    -- Of two that led as far at the same time, the one that began later counts, as in funnel_ways.
    CROSS JOIN LATERAL (
      SELECT
        max(o.day) FILTER (WHERE o.day < a.day AND (o.depth, a.step_times[a.depth]) > (a.depth, o.step_times[o.depth]))
          AS day_before,
        min(o.day) FILTER (WHERE o.day > a.day AND (o.depth, a.step_times[a.depth]) >= (a.depth, o.step_times[o.depth]))
          AS day_after
      FROM funnel_attempts AS o
      WHERE o.site = a.site AND o.funnel = a.funnel AND o.visitor_id = a.visitor_id AND o.depth >= a.depth
    ) AS better
    CROSS JOIN LATERAL generate_series(2, a.depth) AS s (step)
    WHERE a.depth > 1;
END
$$;

CREATE FUNCTION refresh_funnels() RETURNS bigint
LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
  here record;
  asked funnels;
  visitors text[];
  since timestamptz[];
  counted bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('refresh_funnels'));
  IF NOT EXISTS (SELECT FROM changed_attempts) AND NOT EXISTS (SELECT FROM changed_funnels) THEN
    RETURN 0;
  END IF;
  CREATE TEMPORARY TABLE edited_funnels ON COMMIT DROP AS SELECT * FROM changed_funnels WHERE false;
  WITH notes AS (DELETE FROM changed_funnels RETURNING *) INSERT INTO edited_funnels SELECT DISTINCT * FROM notes;
  CREATE TEMPORARY TABLE attempt_notes ON COMMIT DROP AS SELECT * FROM changed_attempts WHERE false;
  WITH notes AS (DELETE FROM changed_attempts RETURNING *)
  INSERT INTO attempt_notes SELECT site, visitor_id, min(event_time) FROM notes GROUP BY site, visitor_id;

  DELETE FROM funnel_attempts AS a USING edited_funnels AS e WHERE a.site = e.site AND a.funnel = e.funnel;
  DELETE FROM funnel_counts AS c USING edited_funnels AS e WHERE c.site = e.site AND c.funnel = e.funnel;
  DELETE FROM funnel_times AS t USING edited_funnels AS e WHERE t.site = e.site AND t.funnel = e.funnel;
  CREATE TEMPORARY TABLE new_attempts ON COMMIT DROP AS SELECT * FROM funnel_attempts WHERE false;
  CREATE TEMPORARY TABLE touched_attempts (site text, funnel text, visitor_id text, first_day date) ON COMMIT DROP;
  FOR here IN
    SELECT f AS funnel, e.site IS NOT NULL AS is_edited
    FROM funnels AS f LEFT JOIN edited_funnels AS e USING (site, funnel)
    WHERE (SELECT count(*) > 0 AND count(*) = max(s.step) FROM funnel_steps AS s WHERE s.site = f.site AND s.funnel = f.funnel)
  LOOP
    asked := here.funnel;
    IF here.is_edited THEN
      visitors := NULL;
    ELSE
      -- What was done before may lead to what was noted for as long as the funnel lasts.
      SELECT array_agg(n.visitor_id), array_agg(date_trunc('day', n.event_time - asked.within, zone_of(n.site)))
      INTO visitors, since FROM attempt_notes AS n WHERE n.site = asked.site;
      CONTINUE WHEN visitors IS NULL;
      INSERT INTO touched_attempts
      SELECT asked.site, asked.funnel, u.visitor_id, (u.since AT TIME ZONE zone_of(asked.site))::date
      FROM unnest(visitors, since) AS u (visitor_id, since);
    END IF;
    INSERT INTO new_attempts
    SELECT asked.site, asked.funnel, w.* FROM funnel_ways(asked, '-infinity', 'infinity', true, visitors, since) AS w;
    IF here.is_edited THEN
      INSERT INTO touched_attempts
      SELECT DISTINCT n.site, n.funnel, n.visitor_id, '-infinity'::date FROM new_attempts AS n
      WHERE n.site = asked.site AND n.funnel = asked.funnel;
    END IF;
  END LOOP;
  ANALYZE touched_attempts;

  CREATE TEMPORARY TABLE funnel_changes ON COMMIT DROP AS SELECT * FROM funnel_facts(-1);
  DELETE FROM funnel_attempts AS a USING touched_attempts AS t
  WHERE a.site = t.site AND a.funnel = t.funnel AND a.visitor_id = t.visitor_id AND a.day >= t.first_day;
  INSERT INTO funnel_attempts SELECT * FROM new_attempts;
  INSERT INTO funnel_changes SELECT * FROM funnel_facts(1);

  INSERT INTO funnel_counts AS c
  SELECT site, funnel, step, day, day_before, sum(n) FROM funnel_changes
  WHERE fact = 'count' GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) <> 0
  ON CONFLICT (site, funnel, step, day, previous_day) DO UPDATE SET visitor_count = c.visitor_count + EXCLUDED.visitor_count;
  DELETE FROM funnel_counts WHERE visitor_count = 0;
  INSERT INTO funnel_times AS t
  SELECT site, funnel, step, day, day_before, day_after, bucket, sum(n) FROM funnel_changes
  WHERE fact = 'time' GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(n) <> 0
  ON CONFLICT (site, funnel, step, day, better_before, better_after, bucket)
  DO UPDATE SET visitor_count = t.visitor_count + EXCLUDED.visitor_count;
  DELETE FROM funnel_times WHERE visitor_count = 0;
  SELECT count(*) INTO counted FROM touched_attempts;
  RETURN counted;
END
$$;
COMMENT ON FUNCTION refresh_funnels IS
  'count anew the funnels that were edited, and the visitors whose actions were written since the last call; returns how many';

-- As the reader, funnel_visitors asks these two.
GRANT EXECUTE ON FUNCTION funnel_named, funnel_ways TO footfall_reader;

-- migrate:down

DROP FUNCTION refresh_funnels, funnel_facts;
CREATE OR REPLACE FUNCTION funnel_report(site_name text, funnel_name text, first_day date, last_day date)
RETURNS TABLE (step integer, name text, visitor_count bigint, share_of_previous numeric, median_seconds double precision)
LANGUAGE sql STABLE AS $$
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
  SELECT step, name, visitor_count, visitor_count::numeric / nullif(lag(visitor_count) OVER (ORDER BY step), 0), median_seconds
  FROM counts ORDER BY step
$$;
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
DROP FUNCTION funnel_ways, funnel_named;
