-- visit_events.enqueue_user_inserted: enqueue_user gets the rows of visit_events that a statement wrote
CREATE OR REPLACE TRIGGER enqueue_user_inserted AFTER INSERT ON visit_events
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_user();
