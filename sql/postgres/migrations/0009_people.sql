-- Who the visitors are, and what they do in which order: identity, new and returning, retention, funnels; and minutes
-- that are not as they should be. docs/definitions.md says what each means.

-- migrate:up

-- The user that each id stands for in the end, after all aliases; of a ring of aliases, the smallest id in it.
CREATE VIEW user_aliases AS
WITH RECURSIVE links AS (
  SELECT DISTINCT ON (site, previous_id) site, previous_id, user_id FROM visit_events
  WHERE event_type = 'alias' AND previous_id IS NOT NULL AND user_id IS NOT NULL AND previous_id <> user_id
  ORDER BY site, previous_id, event_time DESC, message_id DESC
),
walks AS (
  SELECT site, previous_id, ARRAY[previous_id, user_id] AS path, NULL::text AS again FROM links
  UNION ALL
  SELECT
    w.site, w.previous_id,
    CASE WHEN l.user_id = ANY (w.path) THEN w.path ELSE w.path || l.user_id END,
    CASE WHEN l.user_id = ANY (w.path) THEN l.user_id END
  FROM walks AS w JOIN links AS l ON l.site = w.site AND l.previous_id = w.path[cardinality(w.path)]
  WHERE w.again IS NULL
)
SELECT DISTINCT ON (site, previous_id)
  site, previous_id,
  CASE
    WHEN again IS NULL THEN path[cardinality(path)]
    ELSE (SELECT min(id) FROM unnest(path[array_position(path, again):]) AS id)
  END AS user_id
FROM walks
ORDER BY site, previous_id, again NULLS LAST, cardinality(path) DESC;
COMMENT ON VIEW user_aliases IS 'one row per id that an alias call replaced, with the user that it stands for now';

CREATE VIEW visitor_users AS
WITH seen AS (
  SELECT site, visitor_id, user_id FROM visit_events WHERE user_id IS NOT NULL
  UNION
  SELECT site, previous_id, user_id FROM visit_events
  WHERE event_type = 'alias' AND previous_id IS NOT NULL AND user_id IS NOT NULL
)
SELECT DISTINCT s.site, s.visitor_id, coalesce(a.user_id, s.user_id) AS user_id
FROM seen AS s LEFT JOIN user_aliases AS a ON a.site = s.site AND a.previous_id = s.user_id;
COMMENT ON VIEW visitor_users IS 'the users that each visitor signed in as, at any time, aliases followed';

CREATE VIEW identity_conflicts AS
SELECT site, visitor_id, array_agg(user_id ORDER BY user_id) AS user_ids
FROM visitor_users
GROUP BY site, visitor_id
HAVING count(*) > 1;
COMMENT ON VIEW identity_conflicts IS
  'visitors with several users, such as a device that a family shares: their visits without a user belong to nobody of these';

CREATE VIEW person_visits AS
SELECT
  p.*,
  row_number() OVER (PARTITION BY site, person_id ORDER BY session_start, session_id) = 1 AS is_first_visit
FROM (
  SELECT
    s.site, s.session_id, s.session_start, s.session_end, s.visitor_id,
    (s.session_start AT TIME ZONE zone_of(s.site))::date AS local_day,
    coalesce(a.user_id, s.user_id, u.user_id, s.visitor_id) AS person_id,
    s.is_bot
  FROM sessions AS s
  LEFT JOIN user_aliases AS a ON a.site = s.site AND a.previous_id = s.user_id
  LEFT JOIN (
    SELECT site, visitor_id, min(user_id) AS user_id FROM visitor_users GROUP BY site, visitor_id HAVING count(*) = 1
  ) AS u ON u.site = s.site AND u.visitor_id = s.visitor_id
) AS p;
COMMENT ON VIEW person_visits IS
  'visits with the person behind them: the user of the visit, else the only user that this visitor ever was, else the visitor';

CREATE VIEW people AS
SELECT
  site, person_id,
  min(session_start) AS first_seen,
  max(session_end) AS last_seen,
  count(*) AS visit_count,
  count(DISTINCT visitor_id) AS visitor_count,
  count(*) > 1 AS is_returning
FROM person_visits
WHERE NOT is_bot
GROUP BY site, person_id;
COMMENT ON VIEW people IS 'one row per person, programs left out: first and last seen, visits, and how many visitor ids they have';

CREATE FUNCTION retention(site_name text, unit text, first_day date, last_day date)
RETURNS TABLE (cohort date, period integer, person_count bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF unit NOT IN ('day', 'week', 'month') THEN
    RAISE EXCEPTION 'retention goes by day, week or month, not by %', unit;
  END IF;
  RETURN QUERY
    WITH seen AS (
      SELECT DISTINCT person_id, date_trunc(unit, local_day::timestamp)::date AS start
      FROM person_visits WHERE site = site_name AND NOT is_bot
    ),
    cohorts AS (SELECT s.person_id, min(s.start) AS cohort FROM seen AS s GROUP BY s.person_id)
    SELECT
      c.cohort,
      CASE unit
        WHEN 'day' THEN s.start - c.cohort
        WHEN 'week' THEN (s.start - c.cohort) / 7
        ELSE (extract(year FROM s.start) - extract(year FROM c.cohort)) * 12
          + extract(month FROM s.start) - extract(month FROM c.cohort)
      END::integer,
      count(*)
    FROM seen AS s JOIN cohorts AS c USING (person_id)
    WHERE c.cohort BETWEEN date_trunc(unit, first_day::timestamp)::date AND last_day
    GROUP BY 1, 2
    ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION retention IS
  'people first seen in each day, week or month of the site''s time zone, and how many came back so many periods later';

CREATE FUNCTION stickiness(site_name text, day date)
RETURNS TABLE (daily bigint, weekly bigint, monthly bigint, daily_of_monthly numeric)
LANGUAGE sql STABLE AS $$
  SELECT d, w, m, d::numeric / nullif(m, 0)
  FROM (
    SELECT
      count(DISTINCT person_id) FILTER (WHERE local_day = day) AS d,
      count(DISTINCT person_id) FILTER (WHERE local_day > day - 7) AS w,
      count(DISTINCT person_id) AS m
    FROM person_visits
    WHERE site = site_name AND NOT is_bot AND local_day BETWEEN day - 29 AND day
  ) AS counts
$$;
COMMENT ON FUNCTION stickiness IS 'people of a day, of the 7 and of the 30 days up to it (DAU, WAU, MAU), and DAU / MAU';

CREATE FUNCTION demographics(site_name text, first_day date, last_day date, fewest integer DEFAULT 10)
RETURNS TABLE (dimension text, value text, visitor_count bigint)
LANGUAGE sql STABLE AS $$
  SELECT d.dimension, d.value, count(DISTINCT v.visitor_id)
  FROM sessions AS v
  CROSS JOIN LATERAL (VALUES
    ('country', v.country), ('language', v.language_code), ('device', v.device_type)
  ) AS d (dimension, value)
  WHERE v.site = site_name AND NOT v.is_bot
    AND v.session_start >= first_day::timestamp AT TIME ZONE zone_of(site_name)
    AND v.session_start < (last_day + 1)::timestamp AT TIME ZONE zone_of(site_name)
  GROUP BY d.dimension, d.value
  HAVING count(DISTINCT v.visitor_id) >= greatest(fewest, 2)
  ORDER BY d.dimension, count(DISTINCT v.visitor_id) DESC, d.value
$$;
COMMENT ON FUNCTION demographics IS
  'distinct visitors by country, language and device; a group of fewer visitors than the floor (at least 2) is not shown';

-- Funnels

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
COMMENT ON COLUMN funnels.is_strict IS 'whether a step must be the visitor''s very next action, or may have others before it';

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
COMMENT ON TABLE funnel_steps IS 'one row per step of a funnel, numbered from 1 without gaps; a column that is NULL asks for nothing';
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
  begins CONSTANT timestamptz := first_day::timestamp AT TIME ZONE zone_of(site_name);
  ends CONSTANT timestamptz := (last_day + 1)::timestamp AT TIME ZONE zone_of(site_name);
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

-- Anomalies

CREATE FUNCTION traffic_band(site_name text, begins timestamptz, ends timestamptz, weeks integer DEFAULT 4)
RETURNS TABLE (minute timestamptz, page_view_count bigint, expected double precision, deviation double precision)
LANGUAGE sql STABLE AS $$
  WITH minutes AS (
    SELECT m FROM generate_series(date_trunc('minute', begins), ends - INTERVAL '1 microsecond', INTERVAL '1 minute') AS m
  ),
  since AS (SELECT min(window_start) AS first_minute FROM page_views_per_minute WHERE site = site_name),
  wanted AS (
    SELECT m, 0 AS week, m AS source FROM minutes
    UNION ALL
    -- The same time of day: across a change of daylight saving, that is not a multiple of 24 hours ago.
    SELECT m, w, (m AT TIME ZONE zone_of(site_name) - w * INTERVAL '7 days') AT TIME ZONE zone_of(site_name)
    FROM minutes CROSS JOIN generate_series(1, weeks) AS w
  ),
  counted AS (
    SELECT w.m, w.week, coalesce(sum(p.page_view_count), 0)::bigint AS n
    FROM wanted AS w CROSS JOIN since
    LEFT JOIN page_views_per_minute AS p ON p.site = site_name AND p.window_start = w.source
    WHERE w.week = 0 OR w.source >= since.first_minute
    GROUP BY w.m, w.week
  ),
  medians AS (
    SELECT
      m, max(n) FILTER (WHERE week = 0) AS n, count(*) FILTER (WHERE week > 0) AS past,
      percentile_cont(0.5) WITHIN GROUP (ORDER BY n::float8) FILTER (WHERE week > 0) AS median
    FROM counted GROUP BY m
  )
  SELECT
    d.m, d.n, d.median,
    -- 1.4826 makes of a median deviation a standard deviation; counts scatter by their root at least.
    greatest(
      1.4826 * (
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(c.n - d.median)) FROM counted AS c
        WHERE c.m = d.m AND c.week > 0
      ),
      sqrt(d.median), 1)
  FROM medians AS d
  WHERE d.past >= 2
  ORDER BY d.m
$$;
COMMENT ON FUNCTION traffic_band IS
  'page views of each minute, none included, and what the same minute of the last weeks lets expect: median and deviation';

CREATE FUNCTION anomalies(
  site_name text, begins timestamptz, ends timestamptz, weeks integer DEFAULT 4, tolerance double precision DEFAULT 4
)
RETURNS TABLE (started timestamptz, ended timestamptz, direction text, page_view_count bigint, expected double precision,
  size double precision)
LANGUAGE sql STABLE AS $$
  WITH odd AS (
    SELECT
      minute, b.page_view_count AS n, b.expected AS e, sign(b.page_view_count - b.expected) AS side,
      abs(b.page_view_count - b.expected) / deviation AS score
    FROM traffic_band(site_name, begins, ends, weeks) AS b
    WHERE abs(b.page_view_count - b.expected) > tolerance * deviation
  ),
  runs AS (
    SELECT *, minute - row_number() OVER (PARTITION BY side ORDER BY minute) * INTERVAL '1 minute' AS run FROM odd
  )
  SELECT
    min(minute), max(minute) + INTERVAL '1 minute', CASE WHEN side > 0 THEN 'more' ELSE 'fewer' END, sum(n)::bigint, sum(e),
    max(score)
  FROM runs GROUP BY side, run ORDER BY 1
$$;
COMMENT ON FUNCTION anomalies IS
  'stretches of minutes with more or fewer page views than the band allows: size is the largest distance in deviations';

GRANT SELECT ON user_aliases, visitor_users, identity_conflicts, person_visits, people, funnels, funnel_steps
TO footfall_reader;
GRANT EXECUTE ON FUNCTION retention, stickiness, demographics, funnel_visitors, funnel_report, traffic_band, anomalies
TO footfall_reader;

-- migrate:down

DROP FUNCTION anomalies, traffic_band, funnel_report, funnel_visitors, demographics, stickiness, retention;
DROP TABLE funnel_steps, funnels;
DROP VIEW people, person_visits, identity_conflicts, visitor_users, user_aliases;
