"""The neural map: a hierarchy of feature grids and the decoders that read them."""
