-- received_events: one row per event that has what an event needs, under flat names; late ones too, as often as sent.
-- What it leaves out is in rejected_events; heartbeats, which only move the watermark, are in neither.
--
-- Lengths are limited, so that no event is too long for a key in Postgres: a path is cut to 500 characters, other text
-- to 2000 (ids that are too long are rejected). U+0000, which Postgres can't hold, is removed.
CREATE VIEW received_events AS
SELECT
  site,
  `messageId` AS message_id,
  visitor_id,
  LEFT(REPLACE(NULLIF(`userId`, ''), U&'\0000', ''), 255) AS user_id,
  LEFT(REPLACE(NULLIF(`previousId`, ''), U&'\0000', ''), 255) AS previous_id,
  `type` AS event_type,
  LEFT(REPLACE(CASE WHEN `type` = 'track' THEN `event` ELSE `name` END, U&'\0000', ''), 500) AS event_name,
  `type` = 'track' AND properties.non_interaction IS NOT TRUE AS is_interaction,
  event_time,
  received_at,
  -- Of the event alone, not of the moment at which a job saw it: every run decides alike.
  event_time >= received_at - INTERVAL '60' SECOND AS is_on_time,
  LEFT(REPLACE(
    COALESCE(
      NULLIF(context.page.path, ''),
      NULLIF(properties.path, ''),
      -- https://a.example and https://a.example/ are one page.
      CASE PARSE_URL(COALESCE(context.page.url, properties.url), 'PATH')
        WHEN '' THEN '/'
        ELSE PARSE_URL(COALESCE(context.page.url, properties.url), 'PATH')
      END),
    U&'\0000', ''), 500) AS page_path,
  LEFT(REPLACE(COALESCE(context.page.url, properties.url), U&'\0000', ''), 2000) AS page_url,
  LEFT(REPLACE(COALESCE(context.page.referrer, properties.referrer), U&'\0000', ''), 2000) AS referrer,
  LEFT(REPLACE(context.campaign.source, U&'\0000', ''), 500) AS utm_source,
  LEFT(REPLACE(context.campaign.medium, U&'\0000', ''), 500) AS utm_medium,
  LEFT(REPLACE(context.campaign.name, U&'\0000', ''), 500) AS utm_campaign,
  LEFT(REPLACE(context.campaign.term, U&'\0000', ''), 500) AS utm_term,
  LEFT(REPLACE(context.campaign.content, U&'\0000', ''), 500) AS utm_content,
  LEFT(REPLACE(context.`userAgent`, U&'\0000', ''), 2000) AS user_agent,
  LEFT(REPLACE(context.locale, U&'\0000', ''), 100) AS locale,
  LEFT(REPLACE(context.location.country, U&'\0000', ''), 100) AS country,
  LEFT(REPLACE(context.location.region, U&'\0000', ''), 100) AS region,
  context.`dataCentre` IS TRUE AS is_from_data_centre,
  -- What a track event tells; a call that is none tells nothing here.
  CASE WHEN `type` = 'track' THEN LEFT(REPLACE(properties.`element`, U&'\0000', ''), 500) END AS element_name,
  CASE WHEN `type` = 'track' THEN LEFT(REPLACE(properties.url, U&'\0000', ''), 2000) END AS target_url,
  CASE WHEN `type` = 'track' THEN LEFT(REPLACE(properties.label, U&'\0000', ''), 500) END AS label,
  -- No page is looked at for a day on end: more is a fault, and would spoil a sum.
  CASE WHEN `type` = 'track' AND properties.engaged_ms BETWEEN 0 AND 86400000 THEN properties.engaged_ms
  END AS engaged_ms,
  CASE WHEN `type` = 'track' AND properties.scroll_depth BETWEEN 0 AND 100 THEN properties.scroll_depth
  END AS scroll_depth,
  CASE WHEN `type` = 'track' AND properties.lcp_ms >= 0 THEN properties.lcp_ms END AS lcp_ms,
  CASE WHEN `type` = 'track' AND properties.inp_ms >= 0 THEN properties.inp_ms END AS inp_ms,
  CASE WHEN `type` = 'track' AND properties.cls >= 0 THEN properties.cls END AS cls,
  -- What Segment's e-commerce spec names revenue before it is earned, or again after, is none.
  CASE
    WHEN `type` <> 'track' OR `event` IN ('Checkout Started', 'Order Updated', 'Order Cancelled')
    THEN CAST(NULL AS DECIMAL(18, 4))
    WHEN `event` = 'Order Refunded' THEN CAST(-ABS(properties.revenue) AS DECIMAL(18, 4))
    ELSE properties.revenue
  END AS revenue,
  CASE WHEN `type` = 'track' THEN UPPER(LEFT(REPLACE(properties.currency, U&'\0000', ''), 3)) END AS currency,
  -- Segment's Products Searched, else what the address of a page of results says.
  LEFT(REPLACE(COALESCE(
    CASE WHEN `type` = 'track' THEN NULLIF(properties.query, '') END,
    CASE
      WHEN `type` = 'page'
      THEN URL_DECODE(REGEXP_EXTRACT(COALESCE(context.page.url, properties.url),
        '^[^?#]*\?(?:[^#]*&)?(?:q|query|s|search|keyword)=([^&#]+)', 1))
    END), U&'\0000', ''), 500) AS search_term,
  traits,
  LEFT(REPLACE(context.library.name, U&'\0000', ''), 100) AS library,
  kafka_partition,
  kafka_offset
FROM raw_events
WHERE is_complete AND `type` <> 'heartbeat';
