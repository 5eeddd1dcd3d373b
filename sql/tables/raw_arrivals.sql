-- raw_arrivals: raw_events on the arrival clock: the same topic and columns and one more, but its time is received_at.
-- For what counts when events reached us, late ones included; never mix both clocks in one table.
CREATE TABLE raw_arrivals (
  `originalTimestamp` TIMESTAMP_LTZ(3) COMMENT 'when it happened by the sender''s clock; timestamp is what the collector made of it',
  -- These are as in raw_events; a watermark can only be of a column that is declared beside it.
  kafka_time TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL COMMENT 'when the broker appended the record',
  received_at AS CASE
      WHEN `receivedAt` BETWEEN TO_TIMESTAMP_LTZ(0, 3) AND kafka_time THEN `receivedAt`
      ELSE kafka_time
    END COMMENT 'when the event reached us',
  WATERMARK FOR received_at AS received_at - INTERVAL '70' SECOND
) LIKE raw_events (OVERWRITING GENERATED OVERWRITING METADATA EXCLUDING WATERMARKS);
