"""Tracking on a GPU. Imported for a GPU only."""
