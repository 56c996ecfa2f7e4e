"""Who asks over HTTP: one blueprint per noun."""
