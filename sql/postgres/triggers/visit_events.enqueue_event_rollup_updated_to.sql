-- visit_events.enqueue_event_rollup_updated_to: enqueue_event_rollup gets the rows of visit_events that a statement
-- changed, as they are
CREATE OR REPLACE TRIGGER enqueue_event_rollup_updated_to AFTER UPDATE ON visit_events
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_event_rollup();
