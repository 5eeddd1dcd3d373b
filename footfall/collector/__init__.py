"""The collector: events over HTTP, checked, protected and stamped, into the topic."""
