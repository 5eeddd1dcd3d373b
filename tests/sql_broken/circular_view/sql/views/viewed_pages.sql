-- viewed_pages: one row per page view.
CREATE VIEW viewed_pages AS SELECT site FROM page_views;
