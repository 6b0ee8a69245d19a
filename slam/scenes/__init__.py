"""Synthetic scenes with exact truth: what is in them, and how the camera walks through them."""
