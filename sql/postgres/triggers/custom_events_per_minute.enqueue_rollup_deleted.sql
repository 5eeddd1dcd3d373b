-- custom_events_per_minute.enqueue_rollup_deleted: enqueue_rollup gets the rows of custom_events_per_minute that a
-- statement removed
CREATE OR REPLACE TRIGGER enqueue_rollup_deleted AFTER DELETE ON custom_events_per_minute
REFERENCING OLD TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_rollup('custom_events');
