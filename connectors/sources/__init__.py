"""One module for each system that metadata can be taken from."""
