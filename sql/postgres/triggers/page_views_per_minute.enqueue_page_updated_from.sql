-- page_views_per_minute.enqueue_page_updated_from: enqueue_page gets the rows of page_views_per_minute that a
-- statement changed, as they were
CREATE OR REPLACE TRIGGER enqueue_page_updated_from AFTER UPDATE ON page_views_per_minute
REFERENCING OLD TABLE AS touched_rows
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_page();
