"""Who cares: ranking users for a product, segments, and the curve of size and precision."""
