-- visit_events.enqueue_user_updated_from: enqueue_user gets the rows of visit_events that a statement changed, as they
-- were
CREATE OR REPLACE TRIGGER enqueue_user_updated_from AFTER UPDATE ON visit_events
REFERENCING OLD TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_user();
