-- sessions.enqueue_visit_inserted: enqueue_visit gets the rows of sessions that a statement wrote
CREATE OR REPLACE TRIGGER enqueue_visit_inserted AFTER INSERT ON sessions
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_visit();
