-- page_views_per_minute.enqueue_minute_inserted: enqueue_minute gets the rows of page_views_per_minute that a
-- statement wrote
CREATE OR REPLACE TRIGGER enqueue_minute_inserted AFTER INSERT ON page_views_per_minute
REFERENCING NEW TABLE AS rows_now
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_minute();
