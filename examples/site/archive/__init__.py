"""Hosts, their rooms, and what was said in them."""
