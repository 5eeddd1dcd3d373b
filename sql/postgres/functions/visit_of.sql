-- visit_of: the visit to which an event belongs, over the events of its visitor in order; NULL for one that is in none
--
-- (visit_of(event_time, is_action) OVER visitor)[1] is the start of the visit, in ms since 1970.
CREATE OR REPLACE AGGREGATE visit_of(timestamptz, boolean) (SFUNC = extend_visit, STYPE = bigint[]);
COMMENT ON ROUTINE visit_of IS
  'the visit to which an event belongs, over the events of its visitor in order; NULL for one that is in none';
GRANT EXECUTE ON ROUTINE visit_of TO footfall_reader;
