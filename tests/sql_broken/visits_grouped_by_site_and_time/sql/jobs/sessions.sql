-- sessions: one row per visit: what one visitor did on one site with no gap over 30 minutes between two acts.
-- visits() finds the visits and tells the events of each when it is over, in the order of time (docs/definitions.md). A gap
-- of exactly 30 minutes does not end a visit, nor does midnight or another campaign. Where a visit came from is what its
-- first page view says; without any, device and place are those of its first event.

-- What is kept of each event until its visit is over: an analyst may add columns.
CREATE TEMPORARY VIEW events_of_visitors AS
SELECT
  site,
  visitor_id,
  event_time,
  message_id,
  event_type <> 'track' OR is_interaction AS is_action,
  event_type IN ('page', 'screen') AS is_page_view,
  is_interaction,
  user_id,
  NULLIF(page_path, '') AS page_path,
  NULLIF(page_url, '') AS page_url,
  NULLIF(referrer, '') AS referrer,
  NULLIF(utm_source, '') AS utm_source,
  NULLIF(utm_medium, '') AS utm_medium,
  NULLIF(utm_campaign, '') AS utm_campaign,
  NULLIF(utm_term, '') AS utm_term,
  NULLIF(utm_content, '') AS utm_content,
  NULLIF(user_agent, '') AS user_agent,
  NULLIF(locale, '') AS locale,
  NULLIF(country, '') AS country,
  NULLIF(region, '') AS region,
  is_from_data_centre,
  engaged_ms,
  revenue,
  CASE WHEN revenue IS NOT NULL THEN COALESCE(currency, '') END AS currency
FROM events;

INSERT INTO sessions
SELECT
  site,
  session_id,
  CAST(session_start AS TIMESTAMP(3)) AS session_start,
  CAST(session_end AS TIMESTAMP(3)) AS session_end,
  duration_ms,
  visitor_id,
  page_view_count,
  event_count,
  entry_page,
  exit_page,
  referrer,
  utm_source,
  utm_medium,
  utm_campaign,
  utm_term,
  utm_content,
  user_agent,
  page_view_count = 1 AND interaction_count = 0 AS is_bounce,
  user_id,
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
    COALESCE(
      bot_reason(user_agent),
      CASE WHEN is_from_data_centre THEN 'data centre' END,
      -- Nobody reads ten pages and more in a second each.
      CASE WHEN page_view_count >= 10 AND duration_ms < (page_view_count - 1) * 1000 THEN 'too fast for a person' END
    ) AS reason
  FROM (
    SELECT
      *,
      (EXTRACT(EPOCH FROM session_end) - EXTRACT(EPOCH FROM session_start)) * 1000
        + EXTRACT(MILLISECOND FROM session_end) - EXTRACT(MILLISECOND FROM session_start) AS duration_ms
    FROM (
      SELECT
        site,
        session_start,
        MAX(session_id) AS session_id,
        MAX(session_end) AS session_end,
        MAX(visitor_id) AS visitor_id,
        MAX(event_count) AS event_count,
        COUNT(*) FILTER (WHERE is_page_view) AS page_view_count,
        COUNT(*) FILTER (WHERE is_interaction) AS interaction_count,
        COALESCE(SUM(engaged_ms), 0) AS engaged_ms,
        SUM(revenue) AS revenue,
        MIN(currency) AS currency,
        MAX(currency) AS other_currency,
        LAST_VALUE(user_id) AS user_id,
        MAX(page_path) FILTER (WHERE is_page_view AND is_entry) AS entry_page,
        MAX(page_path) FILTER (WHERE is_page_view AND is_exit) AS exit_page,
        MAX(page_url) FILTER (WHERE is_page_view AND is_entry) AS entry_url,
        MAX(referrer) FILTER (WHERE is_page_view AND is_entry) AS referrer,
        MAX(utm_source) FILTER (WHERE is_page_view AND is_entry) AS utm_source,
        MAX(utm_medium) FILTER (WHERE is_page_view AND is_entry) AS utm_medium,
        MAX(utm_campaign) FILTER (WHERE is_page_view AND is_entry) AS utm_campaign,
        MAX(utm_term) FILTER (WHERE is_page_view AND is_entry) AS utm_term,
        MAX(utm_content) FILTER (WHERE is_page_view AND is_entry) AS utm_content,
        MAX(user_agent) FILTER (WHERE is_entry) AS user_agent,
        MAX(locale) FILTER (WHERE is_entry) AS locale,
        MAX(country) FILTER (WHERE is_entry) AS country,
        MAX(region) FILTER (WHERE is_entry) AS region,
        COUNT(*) FILTER (WHERE is_entry AND is_from_data_centre) > 0 AS is_from_data_centre
      FROM (
        SELECT
          *,
          MD5(CONCAT_WS(U&'\0000', site, visitor_id, CAST(session_start AS STRING))) AS session_id
        FROM visits(
          input => TABLE events_of_visitors PARTITION BY (site, visitor_id),
          on_time => DESCRIPTOR(event_time),
          gap => INTERVAL '30' MINUTE,
          longest => INTERVAL '24' HOUR,
          most_events => 10000,
          allowed_lateness => INTERVAL '0' SECOND,
          uid => 'visits')
      )
      GROUP BY
        site,
        session_start
      -- The events of a visit come at once, one after the other: its row is written with the last of them. So events are
      -- left out in the view above or in a FILTER, and not by a WHERE here.
      HAVING COUNT(*) = MAX(event_count)
    )
  )
)
ON CONFLICT DO DEDUPLICATE;
