-- visits_since: one row per visit, made of the events since then: seconds old, and for a finished visit what sessions
-- says of it
--
-- Cut as the job sessions cuts them: open ones, and those whose end that job waits for.
CREATE OR REPLACE FUNCTION visits_since(since timestamptz)
RETURNS TABLE (
  site text, visitor_id text, session_start timestamptz, session_end timestamptz, duration_ms bigint,
  page_view_count bigint, event_count bigint, engaged_ms bigint, entry_page text, exit_page text, current_page text,
  country text, user_id text
)
LANGUAGE sql STABLE AS $$
  WITH numbered AS (
    SELECT
      *,
      (visit_of(event_time, is_action) OVER (
        PARTITION BY site, visitor_id ORDER BY event_time, message_id COLLATE "C" ROWS UNBOUNDED PRECEDING
      ))[1] AS visit
    FROM visit_events
    WHERE event_time >= since
  ),
  views AS (
    SELECT *, event_type IN ('page', 'screen') AS is_view, message_id COLLATE "C" AS id FROM numbered
    WHERE visit IS NOT NULL
  )
  SELECT
    site, visitor_id, min(event_time), max(event_time),
    (extract(epoch FROM max(event_time) - min(event_time)) * 1000)::bigint,
    count(*) FILTER (WHERE is_view), count(*), coalesce(sum(engaged_ms), 0)::bigint,
    nullif((array_agg(page_path ORDER BY event_time, id) FILTER (WHERE is_view))[1], ''),
    nullif((array_agg(page_path ORDER BY event_time DESC, id DESC) FILTER (WHERE is_view))[1], ''),
    (array_agg(page_path ORDER BY event_time DESC, id DESC) FILTER (WHERE page_path <> ''))[1],
    (array_agg(country ORDER BY is_view DESC, event_time, id))[1],
    (array_agg(user_id ORDER BY event_time DESC, id DESC) FILTER (WHERE user_id IS NOT NULL))[1]
  FROM views
  GROUP BY site, visitor_id, visit
$$;
COMMENT ON FUNCTION visits_since IS
  'one row per visit, made of the events since then: seconds old, and for a finished visit what sessions says of it';
GRANT EXECUTE ON FUNCTION visits_since TO footfall_reader;
