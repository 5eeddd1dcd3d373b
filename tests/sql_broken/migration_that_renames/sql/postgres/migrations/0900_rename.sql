-- migrate:up
ALTER TABLE page_views_per_minute RENAME COLUMN visitor_count TO unique_visitor_count;
ALTER TABLE page_views_per_minute ALTER COLUMN page_view_count TYPE integer;
ALTER TABLE page_views_per_minute ADD COLUMN country text NOT NULL, ADD COLUMN note text NOT NULL DEFAULT '';

-- migrate:down
DROP TABLE page_views_per_minute;
