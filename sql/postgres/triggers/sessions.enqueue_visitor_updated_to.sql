-- sessions.enqueue_visitor_updated_to: enqueue_visitor gets the rows of sessions that a statement changed, as they are
CREATE OR REPLACE TRIGGER enqueue_visitor_updated_to AFTER UPDATE ON sessions
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_visitor();
