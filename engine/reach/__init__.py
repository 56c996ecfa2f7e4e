"""Who carries the word: graph, spread and advocates."""
