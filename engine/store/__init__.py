"""Where is it kept: the only folder that writes."""
