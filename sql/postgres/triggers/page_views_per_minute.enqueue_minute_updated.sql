-- page_views_per_minute.enqueue_minute_updated: enqueue_minute gets the rows of page_views_per_minute that a statement
-- changed
CREATE OR REPLACE TRIGGER enqueue_minute_updated AFTER UPDATE ON page_views_per_minute
REFERENCING OLD TABLE AS rows_before NEW TABLE AS rows_now
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_minute();
