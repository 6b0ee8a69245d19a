"""One network for all of the scene, in torch."""
