-- elements_per_hour: impressions and clicks of marked elements by hour; the rate is NULL without impressions
CREATE OR REPLACE VIEW elements_per_hour AS
SELECT
  site, date_trunc('hour', window_start, zone_of(site)) AS hour, element_name, page_path, utm_campaign,
  sum(view_count)::bigint AS view_count,
  sum(click_count)::bigint AS click_count,
  sum(click_count)::numeric / nullif(sum(view_count), 0) AS click_through_rate
FROM elements_per_minute
GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW elements_per_hour IS
  'impressions and clicks of marked elements by hour; the rate is NULL without impressions';
GRANT SELECT ON elements_per_hour TO footfall_reader;
