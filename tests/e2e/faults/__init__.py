"""A campaign of faults: whatever is killed, stopped or filled up under load, the tables are what the log gives."""
