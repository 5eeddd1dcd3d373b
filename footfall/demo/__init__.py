"""`footfall demo`: everything up, a day of visitors, a shop to click through."""
