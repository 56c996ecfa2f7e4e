"""Where the money goes: response curves, budget, channels, timing and the plan."""
