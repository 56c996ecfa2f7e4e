"""How it goes out of the door: identifiers, platforms, OpenRTB, taxonomy and deltas."""
