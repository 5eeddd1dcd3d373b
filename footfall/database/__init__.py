"""The results database: its roles and addresses, its tables and objects, and what is done to it from time to time."""
