"""The maps on a GPU. What they hold never moves, so captured launches stay valid; frames, queries
and results are NumPy arrays, as everywhere.
"""
