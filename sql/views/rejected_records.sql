-- rejected_records: one row per Kafka record that is no JSON object or lacks what an event needs, with the reason.
-- The rules of is_complete in sql/tables/raw_events.sql turned round: what that leaves out, this finds, and what that
-- accepts, this doesn't. tests/e2e/test_odd_records.py tries both on some thousand odd records.
CREATE VIEW rejected_records AS
SELECT
  kafka_time,
  kafka_partition,
  kafka_offset,
  LEFT(REPLACE(site, U&'\0000', U&'\FFFD'), 100) AS site,
  reason,
  REPLACE(original, U&'\0000', U&'\FFFD') AS original
FROM (
  SELECT
    *,
    CASE
      WHEN `value` IS NULL THEN 'the record is empty'
      WHEN ENCODE(original, 'UTF-8') <> `value` THEN 'the text is not UTF-8'
      -- Flink reads each element as an event; one that is incomplete would be found nowhere.
      WHEN valid_text IS JSON ARRAY THEN 'an array: its complete events count, but write one event a record'
      WHEN (valid_text IS JSON OBJECT) IS NOT TRUE THEN 'the text is not a JSON object'
      WHEN event_type = 'heartbeat' THEN CAST(NULL AS STRING)
      WHEN (CHAR_LENGTH(site) BETWEEN 1 AND 100) IS NOT TRUE THEN 'site is missing or longer than 100 characters'
      WHEN (CHAR_LENGTH(event_type) BETWEEN 1 AND 100) IS NOT TRUE THEN 'type is missing or longer than 100 characters'
      WHEN (CHAR_LENGTH(message_id) BETWEEN 1 AND 255) IS NOT TRUE
        THEN 'messageId is missing or longer than 255 characters'
      WHEN (CHAR_LENGTH(CASE WHEN anonymous_id <> '' THEN anonymous_id ELSE user_id END) BETWEEN 1 AND 255) IS NOT TRUE
        THEN 'anonymousId and userId are missing or longer than 255 characters'
      -- What Flink's JSON format reads as a time, from 1970 on.
      WHEN event_timestamp IS NULL OR NOT REGEXP(event_timestamp,
        '^(19[7-9]\d|[2-9]\d{3})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T(([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{0,9})?)?|24:00(:00(\.0{0,9})?)?)Z$')
        THEN 'timestamp is missing or not ISO-8601 UTC, such as 2026-01-31T23:59:59.999Z'
      WHEN POSITION(U&'\0000' IN CONCAT_WS('', site, event_type, message_id, anonymous_id, user_id)) > 0
        THEN 'an id holds the character U+0000'
    END AS reason
  FROM (
    SELECT
      *,
      COALESCE(JSON_VALUE(readable_text, '$.site'), JSON_QUERY(readable_text, '$.site')) AS site,
      COALESCE(JSON_VALUE(readable_text, '$.type'), JSON_QUERY(readable_text, '$.type')) AS event_type,
      COALESCE(JSON_VALUE(readable_text, '$.messageId'), JSON_QUERY(readable_text, '$.messageId')) AS message_id,
      COALESCE(JSON_VALUE(readable_text, '$.anonymousId'), JSON_QUERY(readable_text, '$.anonymousId')) AS anonymous_id,
      COALESCE(JSON_VALUE(readable_text, '$.userId'), JSON_QUERY(readable_text, '$.userId')) AS user_id,
      JSON_VALUE(readable_text, '$.timestamp') AS event_timestamp
    FROM (
      SELECT
        *,
        -- Flink's JSON format passes over a byte order mark and takes control characters inside strings, which JSON
        -- proper forbids. An x is as good as any inside of a string, and an error outside of one, as they are.
        REGEXP_REPLACE(spaced_text, '[\x00-\x1F]', 'x') AS valid_text,
        REGEXP_REPLACE(REPLACE(spaced_text, U&'\0000', '\u0000'), '[\x01-\x1F]', 'x') AS readable_text
      FROM (
        SELECT
          *,
          REGEXP_REPLACE(REGEXP_REPLACE(original, '^\x{FEFF}', ''), '[\t\n\r]', ' ') AS spaced_text
        FROM (
          SELECT *, DECODE(`value`, 'UTF-8') AS original FROM raw_records
        )
      )
    )
  )
)
WHERE reason IS NOT NULL;
