-- raw_arrivals: raw_events on the arrival clock: the same topic and columns, but its time is received_at.
-- For what counts when events reached us, late ones included; never mix both clocks in one table.
CREATE TABLE raw_arrivals (
  -- Both are as in raw_events; a watermark can only be of a column that is declared beside it.
  kafka_time TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL COMMENT 'when the broker appended the record',
  received_at AS CASE
      WHEN `receivedAt` BETWEEN TO_TIMESTAMP_LTZ(0, 3) AND kafka_time THEN `receivedAt`
      ELSE kafka_time
    END COMMENT 'when the event reached us',
  WATERMARK FOR received_at AS received_at - INTERVAL '70' SECOND
) LIKE raw_events (OVERWRITING GENERATED OVERWRITING METADATA EXCLUDING WATERMARKS);
