-- user_traits: one row per visitor, user and trait, with what the latest identify call said of it.
CREATE TABLE user_traits (
  site STRING NOT NULL COMMENT 'site that the visitor was on',
  visitor_id STRING NOT NULL COMMENT 'anonymousId, else userId',
  user_id STRING NOT NULL COMMENT 'id of the signed-in user; empty where the call names none',
  trait STRING NOT NULL COMMENT 'name of the trait, as it is sent',
  trait_value STRING NOT NULL COMMENT 'its value as text, cut to 100 bytes; empty where it was taken back with null',
  event_time TIMESTAMP(3) NOT NULL COMMENT 'when it was said, UTC',
  message_id STRING NOT NULL COMMENT 'id of the event that said it',
  PRIMARY KEY (site, visitor_id, user_id, trait) NOT ENFORCED
) WITH (
  'connector' = 'postgres',
  'url' = '${POSTGRES_JDBC_URL}',
  'table-name' = 'user_traits',
  'username' = '${POSTGRES_WRITER_USER}',
  'password' = '${POSTGRES_WRITER_PASSWORD}'
);
