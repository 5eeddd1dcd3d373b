"""What the owner of an installation decides: sites with their keys and options, and what is kept of a person."""
