"""Visitors who are made up, the same ones for the same seed, and their events."""
