-- page_views: one row per page view.
CREATE VIEW page_views AS SELECT site FROM viewed_pages;
