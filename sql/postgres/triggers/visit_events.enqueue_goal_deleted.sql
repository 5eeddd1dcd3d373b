-- visit_events.enqueue_goal_deleted: enqueue_goal gets the rows of visit_events that a statement removed
CREATE OR REPLACE TRIGGER enqueue_goal_deleted AFTER DELETE ON visit_events
REFERENCING OLD TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_goal();
