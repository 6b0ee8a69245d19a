"""Finished runs in the formats of the tools that people go to next."""
