"""May we: consent, disclosure and policy."""
