-- visit_events.enqueue_event_rollup_inserted: enqueue_event_rollup gets the rows of visit_events that a statement
-- wrote
CREATE OR REPLACE TRIGGER enqueue_event_rollup_inserted AFTER INSERT ON visit_events
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_event_rollup();
