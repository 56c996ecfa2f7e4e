"""Did it work: results and lift."""
