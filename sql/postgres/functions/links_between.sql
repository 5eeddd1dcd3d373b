-- links_between: clicks on links of these times: up to six hours one by one, up to eight days by the hours that they
-- touch, else by days
CREATE OR REPLACE FUNCTION links_between(site_name text, begins timestamptz, ends timestamptz) RETURNS SETOF links
LANGUAGE sql STABLE AS $$
  SELECT * FROM links WHERE site = site_name AND grain = fine_grain_of(begins, ends)
    AND period_start >= first_period_of(site_name, begins, ends) AND period_start < ends
  UNION ALL
  SELECT site, 'minute', date_trunc('minute', event_time), target_url, click_count FROM link_events
  WHERE site = site_name AND event_time BETWEEN begins AND ends AND fine_grain_of(begins, ends) = 'minute'
$$;
COMMENT ON FUNCTION links_between IS
  'clicks on links of these times: up to six hours one by one, up to eight days by the hours that they touch, else by days';
GRANT EXECUTE ON FUNCTION links_between TO footfall_reader;
