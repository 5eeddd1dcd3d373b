-- visit_events.enqueue_user_deleted: enqueue_user gets the rows of visit_events that a statement removed
CREATE OR REPLACE TRIGGER enqueue_user_deleted AFTER DELETE ON visit_events
REFERENCING OLD TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_user();
