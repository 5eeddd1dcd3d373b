-- sessions.enqueue_visitor_deleted: enqueue_visitor gets the rows of sessions that a statement removed
CREATE OR REPLACE TRIGGER enqueue_visitor_deleted AFTER DELETE ON sessions
REFERENCING OLD TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_visitor();
