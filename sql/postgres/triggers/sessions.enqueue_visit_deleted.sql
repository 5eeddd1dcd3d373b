-- sessions.enqueue_visit_deleted: enqueue_visit gets the rows of sessions that a statement removed
CREATE OR REPLACE TRIGGER enqueue_visit_deleted AFTER DELETE ON sessions
REFERENCING OLD TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_visit();
