-- raw_events: one row per event that any producer wrote to Kafka, as it was written, in Segment Spec names.
-- Declare here only what a view or a job reads: the connector parses each declared field of each event.
--
-- Three rules are decided here, once, for everything that is built on it:
--   received_at  when the event reached us: receivedAt, or the broker's time where there is none. Never later than the
--                broker's time, so that no producer can push our clock ahead.
--   event_time   when it happened: timestamp, but never later than received_at: nor can a device's wrong clock.
--   watermark    70 s behind = 60 s in which an event is on time (sql/views/received_events.sql) + 10 s of disorder
--                between collectors. No window drops an event that is on time.
CREATE TABLE raw_events (
  `messageId` STRING COMMENT 'id that the sender gave the event; the same id again is a copy of the same event',
  `type` STRING COMMENT 'page, screen, track, identify, group, alias or heartbeat',
  `site` STRING COMMENT 'site that the event belongs to; the collector derives it from the write key',
  `event` STRING COMMENT 'name of a track event',
  `name` STRING COMMENT 'name of a page or screen',
  `anonymousId` STRING COMMENT 'id of a device or browser',
  `userId` STRING COMMENT 'id of a signed-in user in the site''s own system',
  `previousId` STRING COMMENT 'of an alias call: the id that userId replaces',
  `timestamp` TIMESTAMP_LTZ(3) COMMENT 'when it happened; ISO-8601 UTC with Z, anything else reads as NULL',
  `receivedAt` TIMESTAMP_LTZ(3) COMMENT 'when the collector received it; the same format',
  `context` ROW<
    page ROW<path STRING, url STRING, referrer STRING>,
    campaign ROW<source STRING, medium STRING, name STRING, term STRING, content STRING>,
    library ROW<name STRING>,
    location ROW<country STRING, region STRING>,
    `userAgent` STRING,
    locale STRING,
    `dataCentre` BOOLEAN
  > COMMENT 'what the library knew about page, campaign and device',
  -- What may have a fraction is read as text: decimal_of makes a DECIMAL of it, for a sum of floating point would depend
  -- on the order. Declared as DECIMAL, the format itself would take minutes for the eleven characters of 1e100000000.
  `properties` ROW<
    path STRING, url STRING, referrer STRING,
    non_interaction BOOLEAN,
    `element` STRING, engaged_ms BIGINT, scroll_depth BIGINT,
    lcp_ms STRING, inp_ms STRING, cls STRING,
    revenue STRING, currency STRING,
    query STRING, label STRING
  > COMMENT 'of a page call, where server libraries put what browsers put into context.page; of a track call, what it says; non_interaction: no act of the visitor, such as an element that came into view',
  `traits` MAP<STRING, STRING> COMMENT 'of an identify call: what it says of the user, each value as text',
  kafka_time TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL COMMENT 'when the broker appended the record',
  kafka_partition INT NOT NULL METADATA FROM 'partition' VIRTUAL COMMENT 'partition of the record',
  kafka_offset BIGINT NOT NULL METADATA FROM 'offset' VIRTUAL COMMENT 'place of the record in its partition',
  received_at AS CASE
      WHEN `receivedAt` BETWEEN TO_TIMESTAMP_LTZ(0, 3) AND kafka_time THEN `receivedAt`
      ELSE kafka_time
    END COMMENT 'when the event reached us',
  event_time AS CAST(CASE
      WHEN `timestamp` >= TO_TIMESTAMP_LTZ(0, 3) AND `timestamp` <= kafka_time
        AND (`receivedAt` BETWEEN TO_TIMESTAMP_LTZ(0, 3) AND kafka_time AND `timestamp` > `receivedAt`) IS NOT TRUE
      THEN `timestamp`
      WHEN `receivedAt` BETWEEN TO_TIMESTAMP_LTZ(0, 3) AND kafka_time THEN `receivedAt`
      ELSE kafka_time
    END AS TIMESTAMP_LTZ(3)) COMMENT 'when it happened, never later than received_at',
  visitor_id AS CASE WHEN `anonymousId` <> '' THEN `anonymousId` ELSE `userId` END
    COMMENT 'anonymousId, else userId',
  -- Ids are equal to what clean_text leaves of them: not too long, in bytes, and without U+0000.
  is_complete AS (
    `site` <> '' AND clean_text(`site`, 100) = `site`
    AND `type` <> '' AND clean_text(`type`, 100) = `type`
    AND `messageId` <> '' AND clean_text(`messageId`, 255) = `messageId`
    AND CASE WHEN `anonymousId` <> '' THEN `anonymousId` ELSE `userId` END <> ''
    AND COALESCE(clean_text(`anonymousId`, 255) = `anonymousId`, TRUE)
    AND COALESCE(clean_text(`userId`, 255) = `userId`, TRUE)
    AND COALESCE(clean_text(`previousId`, 255) = `previousId`, TRUE)
    AND `timestamp` >= TO_TIMESTAMP_LTZ(0, 3) AND `timestamp` <= TO_TIMESTAMP_LTZ(253402300799999, 3)
  ) IS TRUE COMMENT 'has what an event needs; the opposite is in rejected_events (sql/views/rejected_records.sql)',
  WATERMARK FOR event_time AS event_time - INTERVAL '70' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = '${RAW_EVENTS_TOPIC}',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP_SERVERS}',
  'properties.isolation.level' = 'read_committed',
  -- A little waits for more, no longer than anybody notices: each job asks less often, and Kafka has less to do.
  'properties.fetch.min.bytes' = '65536',
  'properties.fetch.max.wait.ms' = '250',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601',
  'json.ignore-parse-errors' = 'true',
  -- The streaming parser would read the beginning of a broken record, and drop some that are whole.
  'json.decode.json-parser.enabled' = 'false'
);
