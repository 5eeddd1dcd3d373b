-- visit_events.enqueue_action_inserted: enqueue_action gets the rows of visit_events that a statement wrote
CREATE OR REPLACE TRIGGER enqueue_action_inserted AFTER INSERT ON visit_events
REFERENCING NEW TABLE AS rows_now
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_action();
