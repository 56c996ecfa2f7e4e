"""What can be asked: the product in verbs, each permit, load, pure functions, gate, save."""
