-- rejected_records: one row per Kafka record that is no JSON object or lacks what an event needs, with the reason.
-- The rules of is_complete in sql/tables/raw_events.sql turned round: what that leaves out, this finds, and what that
-- accepts, this doesn't. tests/e2e/test_odd_records.py tries both on some thousand odd records.
--
-- UNNEST of an array of one names a value that is computed once; a plain subquery would be computed again wherever it
-- is used, seventy times as slow altogether.
CREATE VIEW rejected_records AS
SELECT
  kafka_time,
  kafka_partition,
  kafka_offset,
  LEFT(REPLACE(site, U&'\0000', U&'\FFFD'), 100) AS site,
  -- What the collector turned away it writes with type rejected, its own reason and the text.
  CASE
    WHEN event_type = 'rejected' AND told_reason IS NOT NULL
    THEN LEFT(REPLACE(told_reason, U&'\0000', U&'\FFFD'), 500)
    ELSE reason
  END AS reason,
  REPLACE(
    CASE WHEN event_type = 'rejected' AND told_reason IS NOT NULL THEN told_original ELSE original END,
    U&'\0000', U&'\FFFD') AS original
FROM (
  SELECT
    *,
    CASE
      WHEN `value` IS NULL THEN 'the record is empty'
      -- Flink's JSON format is content with what lies behind the object, and takes surrogates and forms that are too long.
      -- So: is there a byte that it can't read (or a U+0000 in a form that is too long) before the object's end?
      WHEN ENCODE(original, 'UTF-8') <> `value`
        AND (REGEXP_REPLACE(
          REGEXP_REPLACE(REGEXP_REPLACE(REGEXP_REPLACE(
            DECODE(`value`, 'ISO-8859-1'), '^\xEF\xBB\xBF', ''), '[\t\n\r]', ' '), '[\x00-\x1F]', 'x'),
          '[\xF8-\xFF]|[\xC0-\xDF](?![\x80-\xBF])|[\xE0-\xEF](?![\x80-\xBF]{2})|[\xF0-\xF7](?![\x80-\xBF]{3})'
            || '|(?<![\xC0-\xF7]|[\xE0-\xF7][\x80-\xBF]|[\xF0-\xF7][\x80-\xBF]{2})[\x80-\xBF]'
            || '|\xC0\x80|\xE0\x80\x80|\xF0\x80\x80\x80',
          U&'\0001') IS JSON OBJECT) IS NOT TRUE
        THEN 'the text is not UTF-8'
      WHEN (valid_text IS JSON OBJECT) IS NOT TRUE THEN CASE
          -- Flink reads each element as an event; one that is incomplete would be found nowhere.
          WHEN valid_text IS JSON ARRAY THEN 'an array: its complete events count, but write one event a record'
          ELSE 'the text is not a JSON object'
        END
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
      *
    FROM raw_records
    -- Nearly every record is a plain event: what one look shows to be one needs none of the rules above. Bytes that are no
    -- UTF-8 come back as others, which is found sooner than the U+FFFD in their text.
    WHERE (ENCODE(DECODE(`value`, 'UTF-8'), 'UTF-8') = `value` AND REGEXP(
      JSON_QUERY(DECODE(`value`, 'UTF-8'), '$[''site'',''type'',''messageId'',''anonymousId'',''userId'',''timestamp'']'),
      '^\{"anonymousId":"[^"\\]{1,255}","messageId":"[^"\\]{1,255}","site":"[^"\\]{1,100}",'
        || '"timestamp":"(19[7-9]\d|[2-9]\d{3})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?Z",'
        || '"type":"[^"\\]{1,100}"(,"userId":(null|"[^"\\]*"))?\}$'
    )) IS NOT TRUE
  )
  CROSS JOIN UNNEST(ARRAY[DECODE(`value`, 'UTF-8')]) AS decoded (original)
  -- Flink's JSON format passes over a byte order mark and takes control characters inside strings, which JSON proper
  -- forbids. An x is as good as any inside of a string, and an error outside of one, as they are.
  CROSS JOIN UNNEST(ARRAY[CASE
    WHEN REGEXP(original, '[\x00-\x1F]|^\x{FEFF}')
    THEN REGEXP_REPLACE(REGEXP_REPLACE(original, '^\x{FEFF}', ''), '[\t\n\r]', ' ')
    ELSE original
  END]) AS spaced (spaced_text)
  CROSS JOIN UNNEST(ARRAY[CASE
    WHEN REGEXP(spaced_text, '[\x00-\x1F]') THEN REGEXP_REPLACE(spaced_text, '[\x00-\x1F]', 'x') ELSE spaced_text
  END]) AS valid (valid_text)
  CROSS JOIN UNNEST(ARRAY[JSON_QUERY(
    CASE
      WHEN REGEXP(spaced_text, '[\x00-\x1F]')
      THEN REGEXP_REPLACE(REPLACE(spaced_text, U&'\0000', '\u0000'), '[\x01-\x1F]', 'x')
      ELSE spaced_text
    END,
    '$[''site'',''type'',''messageId'',''anonymousId'',''userId'',''timestamp'',''reason'',''original'']')]) AS needed (fields)
  CROSS JOIN UNNEST(ARRAY[ROW(
    COALESCE(JSON_VALUE(fields, '$.site'), JSON_QUERY(fields, '$.site')),
    COALESCE(JSON_VALUE(fields, '$.type'), JSON_QUERY(fields, '$.type')),
    COALESCE(JSON_VALUE(fields, '$.messageId'), JSON_QUERY(fields, '$.messageId')),
    COALESCE(JSON_VALUE(fields, '$.anonymousId'), JSON_QUERY(fields, '$.anonymousId')),
    COALESCE(JSON_VALUE(fields, '$.userId'), JSON_QUERY(fields, '$.userId')),
    JSON_VALUE(fields, '$.timestamp'),
    JSON_VALUE(fields, '$.reason'),
    JSON_VALUE(fields, '$.original')
  )]) AS event (site, event_type, message_id, anonymous_id, user_id, event_timestamp, told_reason, told_original)
)
WHERE reason IS NOT NULL;
