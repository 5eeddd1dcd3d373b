-- sessions.enqueue_visit_updated_from: enqueue_visit gets the rows of sessions that a statement changed, as they were
CREATE OR REPLACE TRIGGER enqueue_visit_updated_from AFTER UPDATE ON sessions
REFERENCING OLD TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_visit();
