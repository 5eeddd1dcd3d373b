"""What a job or a query makes of events of your own, before it is submitted."""
