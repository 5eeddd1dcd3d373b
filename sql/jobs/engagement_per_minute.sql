-- engagement_per_minute: one row per site, minute and page that somebody spent time on in it.
-- With elements_per_minute and web_vitals: all that a page reports by itself, read from the topic once.
CREATE TEMPORARY VIEW page_reports AS
SELECT
  site,
  message_id,
  event_time,
  event_name,
  COALESCE(page_path, '') AS page_path,
  COALESCE(utm_campaign, '') AS utm_campaign,
  user_agent,
  element_name,
  engaged_ms,
  scroll_depth,
  lcp_ms,
  inp_ms,
  cls
FROM events
WHERE event_type = 'track' AND event_name IN ('Page Engaged', 'Element Viewed', 'Element Clicked', 'Web Vitals');

EXECUTE STATEMENT SET
BEGIN
INSERT INTO engagement_per_minute
SELECT
  site,
  CAST(window_start AS TIMESTAMP(3)) AS window_start,
  page_path,
  COALESCE(SUM(engaged_ms), 0) AS engaged_ms,
  COUNT(scroll_depth) AS depth_count,
  COALESCE(SUM(scroll_depth), 0) AS depth_sum
FROM TABLE(
  TUMBLE(
    DATA => TABLE page_reports,
    TIMECOL => DESCRIPTOR(event_time),
    SIZE => INTERVAL '1' MINUTE))
WHERE event_name = 'Page Engaged'
GROUP BY
  site,
  window_start,
  window_end,
  page_path
ON CONFLICT DO DEDUPLICATE;

INSERT INTO elements_per_minute
SELECT
  site,
  CAST(window_start AS TIMESTAMP(3)) AS window_start,
  element_name,
  page_path,
  utm_campaign,
  COUNT(*) FILTER (WHERE event_name = 'Element Viewed') AS view_count,
  COUNT(*) FILTER (WHERE event_name = 'Element Clicked') AS click_count
FROM TABLE(
  TUMBLE(
    DATA => TABLE page_reports,
    TIMECOL => DESCRIPTOR(event_time),
    SIZE => INTERVAL '1' MINUTE))
WHERE event_name IN ('Element Viewed', 'Element Clicked') AND element_name <> ''
GROUP BY
  site,
  window_start,
  window_end,
  element_name,
  page_path,
  utm_campaign
ON CONFLICT DO DEDUPLICATE;

INSERT INTO web_vitals
SELECT
  site,
  CAST(event_time AS TIMESTAMP(3)) AS event_time,
  message_id,
  page_path,
  device_type(user_agent) AS device_type,
  lcp_ms,
  inp_ms,
  cls
FROM page_reports
WHERE event_name = 'Web Vitals' AND (lcp_ms IS NOT NULL OR inp_ms IS NOT NULL OR cls IS NOT NULL)
ON CONFLICT DO DEDUPLICATE;
END;
