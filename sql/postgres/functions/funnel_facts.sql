-- funnel_facts: what the visitors of the temporary table touched_entries contribute to funnel_counts and funnel_times
--
-- How far a visitor came within any stretch of days is the furthest of what they began on each of these days. So one
-- entry is kept for each visitor and day, and summed up twice:
-- - a step's visitors by the day before that on which they came so far: those of a stretch of days have it outside;
-- - the times between two steps by the nearest days, before and after, on which the same visitor came further, or as
--   far sooner: of a stretch of days an entry counts that has both outside, which is one for each visitor.
CREATE OR REPLACE FUNCTION funnel_facts(sign integer)
RETURNS TABLE (
  fact text, site text, funnel text, step integer, day date, day_before date, day_after date, bucket integer, n integer
)
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY
    WITH entries AS MATERIALIZED (
      SELECT a.* FROM touched_entries AS t CROSS JOIN LATERAL (
        SELECT * FROM funnel_entries AS f WHERE f.site = t.site AND f.funnel = t.funnel AND f.visitor_id = t.visitor_id
        OFFSET 0
      ) AS a
    )
    SELECT
      'count', a.site, a.funnel, s.step, a.day,
      coalesce(lag(a.day) OVER (PARTITION BY a.site, a.funnel, a.visitor_id, s.step ORDER BY a.day), '-infinity'),
      NULL::date, NULL::integer, sign
    FROM entries AS a CROSS JOIN LATERAL generate_series(1, a.depth) AS s (step)
    UNION ALL
    SELECT
      'time', a.site, a.funnel, s.step, a.day, coalesce(better.day_before, '-infinity'), coalesce(better.day_after, 'infinity'),
      bucket_of(1000 * extract(epoch FROM a.step_times[s.step] - a.step_times[s.step - 1])::float8), sign
    FROM entries AS a
    -- Of two that led as far at the same time, the one that began later counts, as in funnel_paths.
    CROSS JOIN LATERAL (
      SELECT
        max(o.day) FILTER (WHERE o.day < a.day AND (o.depth, a.step_times[a.depth]) > (a.depth, o.step_times[o.depth]))
          AS day_before,
        min(o.day) FILTER (WHERE o.day > a.day AND (o.depth, a.step_times[a.depth]) >= (a.depth, o.step_times[o.depth]))
          AS day_after
      FROM funnel_entries AS o
      WHERE o.site = a.site AND o.funnel = a.funnel AND o.visitor_id = a.visitor_id AND o.depth >= a.depth
    ) AS better
    CROSS JOIN LATERAL generate_series(2, a.depth) AS s (step)
    WHERE a.depth > 1;
END
$$;
