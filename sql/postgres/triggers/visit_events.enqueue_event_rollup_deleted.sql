-- visit_events.enqueue_event_rollup_deleted: enqueue_event_rollup gets the rows of visit_events that a statement
-- removed
CREATE OR REPLACE TRIGGER enqueue_event_rollup_deleted AFTER DELETE ON visit_events
REFERENCING OLD TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_event_rollup();
