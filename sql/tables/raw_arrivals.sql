-- raw_arrivals: raw_events on the arrival clock: the same topic and columns, but its time is received_at.
-- For what counts when events reached us, late ones included; never mix both clocks in one table.
CREATE TABLE raw_arrivals (
  WATERMARK FOR received_at AS received_at - INTERVAL '70' SECOND
) LIKE raw_events (INCLUDING ALL EXCLUDING WATERMARKS);
