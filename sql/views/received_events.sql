-- received_events: one row per event that has what an event needs, under flat names; late ones too, as often as sent.
-- What it leaves out is in rejected_events; heartbeats, which only move the watermark, are in neither.
--
-- Texts are limited in bytes, so that no row is too long for an index of Postgres: an entry has 2,704 bytes at most, and
-- TimescaleDB's index of a columnar chunk holds each column of a table's key but the site twice, as the first and the last
-- of a thousand rows. So: 100 bytes for a site, 255 for each other id (those that are longer are rejected), 500 for what is
-- in a key with one other text, 255 for what is in one with two, 2000 for what is in none. tests/database/test_longest_texts.py
-- fills all tables with the longest. Numbers are limited too: what no page and no order can have is a fault, which would
-- spoil a sum, or overflow it.
CREATE VIEW received_events AS
SELECT
  site,
  `messageId` AS message_id,
  visitor_id,
  NULLIF(`userId`, '') AS user_id,
  NULLIF(`previousId`, '') AS previous_id,
  `type` AS event_type,
  clean_text(CASE WHEN `type` = 'track' THEN `event` ELSE `name` END, 500) AS event_name,
  `type` = 'track' AND properties.non_interaction IS NOT TRUE AS is_interaction,
  event_time,
  received_at,
  -- Of the event alone, not of the moment at which a job saw it: every run decides alike.
  event_time >= received_at - INTERVAL '60' SECOND AS is_on_time,
  clean_text(
    COALESCE(
      NULLIF(context.page.path, ''),
      NULLIF(properties.path, ''),
      -- https://a.example and https://a.example/ are one page.
      CASE PARSE_URL(COALESCE(context.page.url, properties.url), 'PATH')
        WHEN '' THEN '/'
        ELSE PARSE_URL(COALESCE(context.page.url, properties.url), 'PATH')
      END), 500) AS page_path,
  clean_text(COALESCE(context.page.url, properties.url), 2000) AS page_url,
  clean_text(COALESCE(context.page.referrer, properties.referrer), 2000) AS referrer,
  clean_text(context.campaign.source, 255) AS utm_source,
  clean_text(context.campaign.medium, 255) AS utm_medium,
  clean_text(context.campaign.name, 255) AS utm_campaign,
  clean_text(context.campaign.term, 255) AS utm_term,
  clean_text(context.campaign.content, 255) AS utm_content,
  clean_text(context.`userAgent`, 2000) AS user_agent,
  clean_text(context.locale, 100) AS locale,
  clean_text(context.location.country, 100) AS country,
  clean_text(context.location.region, 100) AS region,
  context.`dataCentre` IS TRUE AS is_from_data_centre,
  -- What a track event says; a call that is none says nothing here.
  CASE WHEN `type` = 'track' THEN clean_text(properties.`element`, 255) END AS element_name,
  CASE WHEN `type` = 'track' THEN clean_text(properties.url, 2000) END AS target_url,
  CASE WHEN `type` = 'track' THEN clean_text(properties.label, 500) END AS label,
  -- No page is looked at for a day on end: more is a fault, and would spoil a sum.
  CASE WHEN `type` = 'track' AND properties.engaged_ms BETWEEN 0 AND 86400000 THEN properties.engaged_ms
  END AS engaged_ms,
  CASE WHEN `type` = 'track' AND properties.scroll_depth BETWEEN 0 AND 100 THEN properties.scroll_depth
  END AS scroll_depth,
  CASE WHEN `type` = 'track' AND decimal_of(properties.lcp_ms) BETWEEN 0 AND 86400000
    THEN CAST(decimal_of(properties.lcp_ms) AS DECIMAL(12, 3)) END AS lcp_ms,
  CASE WHEN `type` = 'track' AND decimal_of(properties.inp_ms) BETWEEN 0 AND 86400000
    THEN CAST(decimal_of(properties.inp_ms) AS DECIMAL(12, 3)) END AS inp_ms,
  CASE WHEN `type` = 'track' AND decimal_of(properties.cls) BETWEEN 0 AND 1000
    THEN CAST(decimal_of(properties.cls) AS DECIMAL(12, 6)) END AS cls,
  -- What Segment's e-commerce spec names revenue before it is earned, or again after, is none. Nor is a trillion and more.
  CASE
    WHEN `type` <> 'track' OR `event` IN ('Checkout Started', 'Order Updated', 'Order Cancelled')
      OR ABS(decimal_of(properties.revenue)) >= 1000000000000
    THEN CAST(NULL AS DECIMAL(18, 4))
    WHEN `event` = 'Order Refunded' THEN CAST(-ABS(decimal_of(properties.revenue)) AS DECIMAL(18, 4))
    ELSE CAST(decimal_of(properties.revenue) AS DECIMAL(18, 4))
  END AS revenue,
  CASE WHEN `type` = 'track' THEN clean_text(UPPER(properties.currency), 3) END AS currency,
  -- Segment's Products Searched, else what the address of a page of results says.
  clean_text(COALESCE(
    CASE WHEN `type` = 'track' THEN NULLIF(properties.query, '') END,
    CASE
      WHEN `type` = 'page'
      THEN URL_DECODE(REGEXP_EXTRACT(COALESCE(context.page.url, properties.url),
        '^[^?#]*\?(?:[^#]*&)?(?:q|query|s|search|keyword)=([^&#]+)', 1))
    END), 500) AS search_term,
  traits,
  clean_text(context.library.name, 100) AS library,
  kafka_partition,
  kafka_offset
FROM raw_events
WHERE is_complete AND `type` <> 'heartbeat';
