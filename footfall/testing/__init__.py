"""The cases of tests/sql: what is given and expected, and whether a job does it."""
