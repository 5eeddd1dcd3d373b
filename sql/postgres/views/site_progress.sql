-- site_progress: how far each site's tables are: its newest event and page view of a day, and the newest minute of
-- page views
--
-- Asked every few seconds, of tables that grow by thousands of rows a second: by site, each is one look into an index.
CREATE OR REPLACE VIEW site_progress AS
SELECT
  s.site,
  (
    SELECT max(e.event_time) FROM visit_events AS e
    WHERE e.site = s.site AND e.event_time > now() - INTERVAL '1 day' AND e.event_time <= now()
  ) AS newest_event,
  (
    SELECT e.event_time FROM visit_events AS e
    WHERE e.site = s.site AND e.event_time > now() - INTERVAL '1 day' AND e.event_time <= now()
      AND e.event_type IN ('page', 'screen')
    ORDER BY e.event_time DESC LIMIT 1
  ) AS newest_page_view,
  (
    SELECT max(p.window_start) FROM page_views_per_minute AS p
    WHERE p.site = s.site AND p.window_start > now() - INTERVAL '2 days'
  ) AS newest_minute
FROM site_names AS s;
COMMENT ON VIEW site_progress IS
  'how far each site''s tables are: its newest event and page view of a day, and the newest minute of page views';
COMMENT ON COLUMN site_progress.newest_event IS 'time of the newest event in visit_events; one of the future is none';
COMMENT ON COLUMN site_progress.newest_page_view IS
  'time of the newest page view in visit_events; one of the future is none';
COMMENT ON COLUMN site_progress.newest_minute IS 'start of the newest minute in page_views_per_minute';
GRANT SELECT ON site_progress TO footfall_reader;
