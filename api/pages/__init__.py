"""What is looked at in a browser: pages that need nothing but themselves."""
