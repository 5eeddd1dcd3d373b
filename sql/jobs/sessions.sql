-- sessions: one row per visit: what one visitor did on one site with no gap over 30 minutes.
-- A gap of exactly 30 minutes does not end a visit, nor does midnight or another campaign. Where a visit came from is
-- what its first page view says. Python is called once a visit, after the aggregation.

-- What is wanted of the first and of the last page view travels with its time in one text, since MIN and MAX are what a
-- session window can merge. U+0000 parts the fields: the view events has removed it from each. A visit without any page
-- view has device and place of its first event ('0' sorts before '1').
CREATE TEMPORARY VIEW packed_events AS
SELECT
  site,
  visitor_id,
  event_time,
  event_type IN ('page', 'screen') AS is_page_view,
  is_interaction,
  engaged_ms,
  revenue,
  CASE WHEN revenue IS NOT NULL THEN COALESCE(currency, '') END AS currency,
  CASE
    WHEN event_type IN ('page', 'screen') THEN CONCAT_WS(U&'\0000',
      '0', CAST(event_time AS STRING), COALESCE(page_path, ''), COALESCE(user_agent, ''), COALESCE(country, ''),
      COALESCE(region, ''), COALESCE(locale, ''), COALESCE(page_url, ''), COALESCE(referrer, ''),
      COALESCE(utm_source, ''), COALESCE(utm_medium, ''), COALESCE(utm_campaign, ''), COALESCE(utm_term, ''),
      COALESCE(utm_content, ''), CASE WHEN is_from_data_centre THEN 'data centre' ELSE '' END)
    ELSE CONCAT_WS(U&'\0000',
      '1', CAST(event_time AS STRING), '', COALESCE(user_agent, ''), COALESCE(country, ''),
      COALESCE(region, ''), COALESCE(locale, ''), '', '', '', '', '', '', '',
      CASE WHEN is_from_data_centre THEN 'data centre' ELSE '' END)
  END AS entry_view,
  CASE WHEN event_type IN ('page', 'screen') THEN CONCAT(CAST(event_time AS STRING), COALESCE(page_path, ''))
  END AS exit_view,
  CONCAT(CAST(event_time AS STRING), user_id) AS last_user
FROM events;

INSERT INTO sessions
SELECT
  site,
  MD5(CONCAT_WS(U&'\0000', site, visitor_id, CAST(session_start AS STRING))) AS session_id,
  CAST(session_start AS TIMESTAMP(3)) AS session_start,
  CAST(session_end AS TIMESTAMP(3)) AS session_end,
  duration_ms,
  visitor_id,
  page_view_count,
  event_count,
  entry_page,
  NULLIF(SUBSTRING(exit_view FROM 24), '') AS exit_page,
  referrer,
  utm_source,
  utm_medium,
  utm_campaign,
  utm_term,
  utm_content,
  user_agent,
  page_view_count = 1 AND interaction_count = 0 AS is_bounce,
  NULLIF(SUBSTRING(last_user FROM 24), '') AS user_id,
  traffic_source(entry_url, referrer, utm_source, utm_medium) AS source,
  traffic_medium(entry_url, referrer, utm_source, utm_medium) AS medium,
  default_channel_group(
    traffic_source(entry_url, referrer, utm_source, utm_medium),
    traffic_medium(entry_url, referrer, utm_source, utm_medium),
    utm_campaign) AS channel,
  country,
  region,
  language_code(locale) AS language_code,
  device_type(user_agent) AS device_type,
  browser(user_agent) AS browser,
  browser_version(user_agent) AS browser_version,
  operating_system(user_agent) AS operating_system,
  interaction_count,
  engaged_ms,
  CASE WHEN currency = other_currency THEN revenue END AS revenue,
  CASE WHEN currency = other_currency THEN NULLIF(currency, '') END AS currency,
  reason AS bot_reason,
  reason IS NOT NULL AS is_bot
FROM (
  SELECT
    *,
    -- Nobody reads ten pages and more in a second each.
    COALESCE(
      bot_reason(user_agent),
      network,
      CASE WHEN page_view_count >= 10 AND duration_ms < (page_view_count - 1) * 1000 THEN 'too fast for a person' END
    ) AS reason
  FROM (
    SELECT
      *,
      NULLIF(entry[3], '') AS entry_page,
      NULLIF(entry[4], '') AS user_agent,
      NULLIF(entry[5], '') AS country,
      NULLIF(entry[6], '') AS region,
      NULLIF(entry[7], '') AS locale,
      NULLIF(entry[8], '') AS entry_url,
      NULLIF(entry[9], '') AS referrer,
      NULLIF(entry[10], '') AS utm_source,
      NULLIF(entry[11], '') AS utm_medium,
      NULLIF(entry[12], '') AS utm_campaign,
      NULLIF(entry[13], '') AS utm_term,
      NULLIF(entry[14], '') AS utm_content,
      NULLIF(entry[15], '') AS network,
      (EXTRACT(EPOCH FROM session_end) - EXTRACT(EPOCH FROM session_start)) * 1000
        + EXTRACT(MILLISECOND FROM session_end) - EXTRACT(MILLISECOND FROM session_start) AS duration_ms
    FROM (
      SELECT
        site,
        visitor_id,
        MIN(event_time) AS session_start,
        MAX(event_time) AS session_end,
        COUNT(*) AS event_count,
        COUNT(*) FILTER (WHERE is_page_view) AS page_view_count,
        COUNT(*) FILTER (WHERE is_interaction) AS interaction_count,
        COALESCE(SUM(engaged_ms), 0) AS engaged_ms,
        SUM(revenue) AS revenue,
        MIN(currency) AS currency,
        MAX(currency) AS other_currency,
        MIN(entry_view) AS entry_view,
        MAX(exit_view) AS exit_view,
        MAX(last_user) AS last_user
      FROM TABLE(
        SESSION(
          DATA => TABLE packed_events PARTITION BY (site, visitor_id),
          TIMECOL => DESCRIPTOR(event_time),
          GAP => INTERVAL '30' MINUTE))
      GROUP BY
        site,
        visitor_id,
        window_start,
        window_end
    )
    -- Splits the text once: an expression would be computed again wherever its result is used.
    CROSS JOIN UNNEST(ARRAY[SPLIT(entry_view, U&'\0000')]) AS split_view (entry)
  )
)
ON CONFLICT DO DEDUPLICATE;
