"""What sql/ holds: its jobs, tables and views, what is made of what, and how it is drawn, described and written."""
