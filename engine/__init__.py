"""Mokhatab's product, without web, terminal or clock; it reads as the funnel."""
