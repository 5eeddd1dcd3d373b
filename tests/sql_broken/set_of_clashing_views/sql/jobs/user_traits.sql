-- user_traits: one row per visitor, user and trait, with what the latest identify call said of it.
-- The latest by event time and message id of each minute. Windows close in their order, and a row is written by its key:
-- what stays is the latest of all, whatever the order of arrival. Copies need not be taken out first: the greatest of
-- equal texts is that text. Postgres keeps of it what the site lists: sql/postgres/functions/keep_listed_trait.sql.
CREATE TEMPORARY VIEW events_of_visitors AS
SELECT
  site,
  visitor_id,
  COALESCE(user_id, '') AS user_id,
  trait,
  event_time,
  -- The times have one length, and no id holds U+0000: so these texts are ordered as time and id are.
  CONCAT_WS(U&'\0000',
    CONCAT(CAST(event_time AS STRING), message_id),
    LEFT(REPLACE(COALESCE(trait_value, ''), U&'\0000', ''), 100)) AS told
FROM received_events
CROSS JOIN UNNEST(traits) AS named (trait, trait_value)
WHERE is_on_time AND event_type = 'identify' AND CHAR_LENGTH(trait) BETWEEN 1 AND 100 AND POSITION(U&'\0000' IN trait) = 0;

INSERT INTO user_traits
SELECT
  site,
  visitor_id,
  user_id,
  trait,
  SPLIT_INDEX(latest, U&'\0000', 1) AS trait_value,
  CAST(latest_time AS TIMESTAMP(3)) AS event_time,
  SUBSTRING(SPLIT_INDEX(latest, U&'\0000', 0) FROM 24) AS message_id
FROM (
  SELECT
    site,
    visitor_id,
    user_id,
    trait,
    MAX(told) AS latest,
    MAX(event_time) AS latest_time
  FROM TABLE(
    TUMBLE(
      DATA => TABLE events_of_visitors,
      TIMECOL => DESCRIPTOR(event_time),
      SIZE => INTERVAL '1' MINUTE))
  GROUP BY
    site,
    visitor_id,
    user_id,
    trait,
    window_start,
    window_end
)
ON CONFLICT DO DEDUPLICATE;
