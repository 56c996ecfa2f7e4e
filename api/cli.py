"""The `mokhatab` command."""
