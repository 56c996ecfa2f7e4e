"""What they like: embeddings, folding in, and the two heads."""
