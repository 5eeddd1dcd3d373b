-- sessions.enqueue_visitor_inserted: enqueue_visitor gets the rows of sessions that a statement wrote
CREATE OR REPLACE TRIGGER enqueue_visitor_inserted AFTER INSERT ON sessions
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_visitor();
