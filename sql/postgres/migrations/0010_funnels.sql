-- What visitors do in which order: steps that analysts name, and how far each visitor comes. docs/definitions.md says what
-- a funnel is.

-- migrate:up

CREATE TABLE funnels (
  site text NOT NULL,
  funnel text NOT NULL CHECK (funnel <> ''),
  within interval NOT NULL DEFAULT INTERVAL '1 day' CHECK (within > INTERVAL '0'),
  is_strict boolean NOT NULL DEFAULT false,
  PRIMARY KEY (site, funnel)
);
COMMENT ON TABLE funnels IS 'one row per funnel: edit it, and its steps, as the owner';
COMMENT ON COLUMN funnels.site IS 'site whose visitors are followed';
COMMENT ON COLUMN funnels.funnel IS 'name of the funnel';
COMMENT ON COLUMN funnels.within IS 'time from the first step to the last';
COMMENT ON COLUMN funnels.is_strict IS
  'whether a step must be the visitor''s very next action, or may have others before it';

CREATE TABLE funnel_steps (
  site text NOT NULL,
  funnel text NOT NULL,
  step integer NOT NULL CHECK (step BETWEEN 1 AND 8),
  name text NOT NULL,
  event_type text,
  event_name text,
  page_path text,
  label text,
  PRIMARY KEY (site, funnel, step),
  FOREIGN KEY (site, funnel) REFERENCES funnels ON DELETE CASCADE,
  CHECK (num_nonnulls(event_type, event_name, page_path, label) > 0)
);
COMMENT ON TABLE funnel_steps IS
  'one row per step of a funnel, numbered from 1 without gaps; a column that is NULL asks for nothing';
COMMENT ON COLUMN funnel_steps.site IS 'site of the funnel';
COMMENT ON COLUMN funnel_steps.funnel IS 'name of the funnel';
COMMENT ON COLUMN funnel_steps.step IS 'place of the step, 1 to 8';
COMMENT ON COLUMN funnel_steps.name IS 'what people call the step';
COMMENT ON COLUMN funnel_steps.event_type IS 'type of the action: page, screen, track, …';
COMMENT ON COLUMN funnel_steps.event_name IS 'name of the event, page or screen';
COMMENT ON COLUMN funnel_steps.page_path IS 'path of the page, a LIKE pattern: /p/% is any product';
COMMENT ON COLUMN funnel_steps.label IS 'properties.label of the event';

-- One pass over each visitor's actions in their order. Of all ways to a step, the one that began last can go furthest
-- within the time, so one for each step is kept. From the last step to the first, so that no action is two steps.
CREATE FUNCTION funnel_visitors(site_name text, funnel_name text, first_day date, last_day date)
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
COMMENT ON FUNCTION funnel_visitors IS
  'how far each visitor came who did the first step on these days of the site''s time zone, and when: the first way that led so far';

CREATE FUNCTION funnel_report(site_name text, funnel_name text, first_day date, last_day date)
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
COMMENT ON FUNCTION funnel_report IS
  'visitors that reached each step, their share of those of the step before, and the median time between the two';

GRANT SELECT ON funnels, funnel_steps TO footfall_reader;
GRANT EXECUTE ON FUNCTION funnel_visitors, funnel_report TO footfall_reader;

-- migrate:down

DROP FUNCTION funnel_report, funnel_visitors;
DROP TABLE funnel_steps, funnels;
