-- visit_events.enqueue_action_updated: enqueue_action gets the rows of visit_events that a statement changed
CREATE OR REPLACE TRIGGER enqueue_action_updated AFTER UPDATE ON visit_events
REFERENCING OLD TABLE AS rows_before NEW TABLE AS rows_now
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_action();
