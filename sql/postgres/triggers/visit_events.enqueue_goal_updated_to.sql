-- visit_events.enqueue_goal_updated_to: enqueue_goal gets the rows of visit_events that a statement changed, as they
-- are
CREATE OR REPLACE TRIGGER enqueue_goal_updated_to AFTER UPDATE ON visit_events
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_goal();
