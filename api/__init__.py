"""Who asks: opened by people, over HTTP, on a page or in a terminal."""
