-- sessions.enqueue_visitor_updated_from: enqueue_visitor gets the rows of sessions that a statement changed, as they
-- were
CREATE OR REPLACE TRIGGER enqueue_visitor_updated_from AFTER UPDATE ON sessions
REFERENCING OLD TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_visitor();
