-- visit_events.enqueue_action_deleted: enqueue_action gets the rows of visit_events that a statement removed
CREATE OR REPLACE TRIGGER enqueue_action_deleted AFTER DELETE ON visit_events
REFERENCING OLD TABLE AS rows_before
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_action();
