-- page_views_per_minute.enqueue_minute_deleted: enqueue_minute gets the rows of page_views_per_minute that a statement
-- removed
CREATE OR REPLACE TRIGGER enqueue_minute_deleted AFTER DELETE ON page_views_per_minute
REFERENCING OLD TABLE AS rows_before
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_minute();
