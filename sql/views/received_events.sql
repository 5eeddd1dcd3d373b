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
  LEFT(REPLACE(COALESCE(context.page.referrer, properties.referrer), U&'\0000', ''), 2000) AS referrer,
  LEFT(REPLACE(context.campaign.source, U&'\0000', ''), 500) AS utm_source,
  LEFT(REPLACE(context.campaign.medium, U&'\0000', ''), 500) AS utm_medium,
  LEFT(REPLACE(context.campaign.name, U&'\0000', ''), 500) AS utm_campaign,
  LEFT(REPLACE(context.campaign.term, U&'\0000', ''), 500) AS utm_term,
  LEFT(REPLACE(context.campaign.content, U&'\0000', ''), 500) AS utm_content,
  LEFT(REPLACE(context.`userAgent`, U&'\0000', ''), 2000) AS user_agent,
  LEFT(REPLACE(context.library.name, U&'\0000', ''), 100) AS library,
  kafka_partition,
  kafka_offset
FROM raw_events
WHERE is_complete AND `type` <> 'heartbeat';
