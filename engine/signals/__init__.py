"""What people did: events, and what they weigh as evidence."""
