"""A run from start to end: its loop, its clock, what it measures and the folder that it leaves."""
