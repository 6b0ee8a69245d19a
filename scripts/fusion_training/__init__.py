"""The training of the network that tells gross errors of depth sensors; see train_fusion.py."""
