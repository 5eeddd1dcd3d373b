"""Files of events that others wrote, read line by line: one module a format."""
