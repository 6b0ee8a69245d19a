"""The maps on a GPU: imported only where there is one."""
