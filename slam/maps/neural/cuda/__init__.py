"""The neural map on a GPU. What it holds never moves, so captured launches stay valid; frames,
queries and results are NumPy arrays, as everywhere.
"""
