-- custom_events_per_minute.enqueue_rollup_updated_to: enqueue_rollup gets the rows of custom_events_per_minute that a
-- statement changed, as they are
CREATE OR REPLACE TRIGGER enqueue_rollup_updated_to AFTER UPDATE ON custom_events_per_minute
REFERENCING NEW TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_rollup('custom_events');
