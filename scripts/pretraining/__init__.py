"""Pre-training of the geometry decoders, by parts; scripts/pretrain_decoders.py is the program."""
