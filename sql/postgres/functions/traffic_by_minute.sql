-- traffic_by_minute: visits by the minute in which they began, in the breakdowns of traffic; visitor_count is of its
-- row alone
--
-- Computed from the visits when it is asked: a minute of a channel on a device in a country is hardly more than one
-- visit, and a copy of every visit would save nothing.
CREATE OR REPLACE FUNCTION traffic_by_minute(site_name text, begins timestamptz, ends timestamptz)
RETURNS TABLE (
  window_start timestamptz, breakdown text, is_bot boolean, device_type text, country text, channel text, source text,
  medium text, utm_campaign text, browser text, operating_system text, language_code text, entry_page text,
  visit_count bigint, visitor_count bigint, page_view_count bigint, bounce_count bigint, engaged_ms bigint
)
LANGUAGE sql STABLE AS $$
  SELECT
    date_trunc('minute', session_start),
    CASE
      WHEN grouping(channel) = 0 THEN 'channel'
      WHEN grouping(browser) = 0 THEN 'browser'
      WHEN grouping(language_code) = 0 THEN 'language'
      ELSE 'entry page'
    END,
    is_bot, device_type, country, channel, source, medium, utm_campaign, browser, operating_system, language_code,
    entry_page,
    count(*), count(DISTINCT visitor_id), sum(page_view_count)::bigint, count(*) FILTER (WHERE is_bounce),
    sum(engaged_ms)::bigint
  FROM sessions
  WHERE site = site_name AND session_start >= begins AND session_start < ends
  GROUP BY GROUPING SETS (
    (date_trunc('minute', session_start), is_bot, device_type, country, channel, source, medium, utm_campaign),
    (date_trunc('minute', session_start), is_bot, device_type, country, browser, operating_system),
    (date_trunc('minute', session_start), is_bot, device_type, country, language_code),
    (date_trunc('minute', session_start), is_bot, device_type, country, entry_page)
  )
$$;
COMMENT ON FUNCTION traffic_by_minute IS
  'visits by the minute in which they began, in the breakdowns of traffic; visitor_count is of its row alone';
GRANT EXECUTE ON FUNCTION traffic_by_minute TO footfall_reader;
