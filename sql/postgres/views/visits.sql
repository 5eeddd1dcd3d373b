-- visits: sessions, with the day in the site's time zone, the goals reached, and whether the visit was engaged
CREATE OR REPLACE VIEW visits AS
SELECT
  s.site, s.session_id, s.session_start, s.session_end, s.duration_ms, s.visitor_id, s.page_view_count, s.event_count,
  s.entry_page, s.exit_page, s.referrer, s.utm_source, s.utm_medium, s.utm_campaign, s.utm_term, s.utm_content,
  s.user_agent, s.is_bounce, s.user_id, s.source, s.medium, s.channel, s.country, s.region, s.language_code,
  s.device_type, s.browser, s.browser_version, s.operating_system, s.interaction_count, s.engaged_ms, s.revenue,
  s.currency, s.bot_reason, s.is_bot,
  s.session_start AT TIME ZONE zone_of(s.site) AS local_start,
  (s.session_start AT TIME ZONE zone_of(s.site))::date AS local_day,
  g.goal_count,
  s.duration_ms > 10000 OR s.page_view_count >= 2 OR g.goal_count > 0 AS is_engaged
FROM sessions AS s
CROSS JOIN LATERAL (
  SELECT count(*) AS goal_count FROM goal_events AS a
  WHERE a.site = s.site AND a.visitor_id = s.visitor_id AND a.event_time BETWEEN s.session_start AND s.session_end
) AS g;
COMMENT ON VIEW visits IS
  'sessions, with the day in the site''s time zone, the goals reached, and whether the visit was engaged';
GRANT SELECT ON visits TO footfall_reader;
