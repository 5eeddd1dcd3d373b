-- custom_events_per_minute.enqueue_rollup_inserted: enqueue_rollup gets the rows of custom_events_per_minute that a
-- statement wrote
CREATE OR REPLACE TRIGGER enqueue_rollup_inserted AFTER INSERT ON custom_events_per_minute
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_rollup('custom_events');
