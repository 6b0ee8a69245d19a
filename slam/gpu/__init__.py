"""What both maps and the tracker share on a GPU: upload of a frame, memory, counters."""
