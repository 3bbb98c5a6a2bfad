"""Widgets: data comes down to them, their own messages go up."""
