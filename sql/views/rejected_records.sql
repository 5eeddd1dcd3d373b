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
  clean_text(REPLACE(site, U&'\0000', U&'\FFFD'), 100) AS site,
  -- What the collector turned away it writes with type rejected, its own reason and the text.
  CASE
    WHEN event_type = 'rejected' AND told_reason IS NOT NULL
    THEN clean_text(REPLACE(told_reason, U&'\0000', U&'\FFFD'), 500)
    ELSE reason
  END AS reason,
  -- A topic may allow records of any size.
  clean_text(REPLACE(
    CASE WHEN event_type = 'rejected' AND told_reason IS NOT NULL THEN told_original ELSE original END,
    U&'\0000', U&'\FFFD'), 1000000) AS original
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
      WHEN POSITION(U&'\0000' IN CONCAT_WS('', site, event_type, message_id, anonymous_id, user_id, previous_id)) > 0
        THEN 'an id holds the character U+0000'
      WHEN (site <> '' AND clean_text(site, 100) = site) IS NOT TRUE THEN 'site is missing or longer than 100 bytes'
      WHEN (event_type <> '' AND clean_text(event_type, 100) = event_type) IS NOT TRUE
        THEN 'type is missing or longer than 100 bytes'
      WHEN (message_id <> '' AND clean_text(message_id, 255) = message_id) IS NOT TRUE
        THEN 'messageId is missing or longer than 255 bytes'
      WHEN (CASE WHEN anonymous_id <> '' THEN anonymous_id ELSE user_id END <> '') IS NOT TRUE
        THEN 'anonymousId and userId are missing'
      WHEN clean_text(anonymous_id, 255) <> anonymous_id THEN 'anonymousId is longer than 255 bytes'
      WHEN clean_text(user_id, 255) <> user_id THEN 'userId is longer than 255 bytes'
      WHEN clean_text(previous_id, 255) <> previous_id THEN 'previousId is longer than 255 bytes'
      -- What Flink's JSON format reads as a time, from 1970 on.
      WHEN event_timestamp IS NULL OR NOT REGEXP(event_timestamp,
        '^(19[7-9]\d|[2-9]\d{3})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T(([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{0,9})?)?|24:00(:00(\.0{0,9})?)?)Z$')
        THEN 'timestamp is missing or not ISO-8601 UTC, such as 2026-01-31T23:59:59.999Z'
    END AS reason
  FROM (
    SELECT
      *
    FROM raw_records
    -- Nearly every record is a plain event: what one look shows to be one needs none of the rules above. Bytes that are no
    -- UTF-8 come back as others, which is found sooner than the U+FFFD in their text.
    WHERE (ENCODE(DECODE(`value`, 'UTF-8'), 'UTF-8') = `value` AND REGEXP(
      JSON_QUERY(DECODE(`value`, 'UTF-8'),
        '$[''site'',''type'',''messageId'',''anonymousId'',''userId'',''previousId'',''timestamp'']'),
      -- 255 and 100 bytes: as many characters of ASCII, or a quarter as many of any.
      '^\{"anonymousId":"([ !#-\[\]-~]{1,255}|[^"\\]{1,63})","messageId":"([ !#-\[\]-~]{1,255}|[^"\\]{1,63})",'
        || '("previousId":(null|"([ !#-\[\]-~]{0,255}|[^"\\]{0,63})"),)?"site":"([ !#-\[\]-~]{1,100}|[^"\\]{1,25})",'
        || '"timestamp":"(19[7-9]\d|[2-9]\d{3})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?Z",'
        || '"type":"([ !#-\[\]-~]{1,100}|[^"\\]{1,25})"(,"userId":(null|"([ !#-\[\]-~]{0,255}|[^"\\]{0,63})"))?\}$'
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
  -- A number with a fraction or an exponent is a double to Flink's JSON format, which is never long: nor is it here.
  CROSS JOIN UNNEST(ARRAY[REGEXP_REPLACE(JSON_QUERY(
    CASE
      WHEN REGEXP(spaced_text, '[\x00-\x1F]')
      THEN REGEXP_REPLACE(REPLACE(spaced_text, U&'\0000', '\u0000'), '[\x01-\x1F]', 'x')
      ELSE spaced_text
    END,
    '$[''site'',''type'',''messageId'',''anonymousId'',''userId'',''previousId'',''timestamp'',''reason'',''original'']'),
    '(?<="(?:site|type|messageId|anonymousId|userId|previousId)":)(?=[-+.0-9eE]{25})-?[0-9]+(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)',
    '"a number"')]) AS needed (fields)
  CROSS JOIN UNNEST(ARRAY[ROW(
    COALESCE(JSON_VALUE(fields, '$.site'), JSON_QUERY(fields, '$.site')),
    COALESCE(JSON_VALUE(fields, '$.type'), JSON_QUERY(fields, '$.type')),
    COALESCE(JSON_VALUE(fields, '$.messageId'), JSON_QUERY(fields, '$.messageId')),
    COALESCE(JSON_VALUE(fields, '$.anonymousId'), JSON_QUERY(fields, '$.anonymousId')),
    COALESCE(JSON_VALUE(fields, '$.userId'), JSON_QUERY(fields, '$.userId')),
    COALESCE(JSON_VALUE(fields, '$.previousId'), JSON_QUERY(fields, '$.previousId')),
    JSON_VALUE(fields, '$.timestamp'),
    JSON_VALUE(fields, '$.reason'),
    JSON_VALUE(fields, '$.original')
  )]) AS event (site, event_type, message_id, anonymous_id, user_id, previous_id, event_timestamp, told_reason, told_original)
)
WHERE reason IS NOT NULL;
