"""Remote control of a run: keys in its terminal, and a small page for a browser."""
