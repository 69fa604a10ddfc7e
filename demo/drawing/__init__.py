"""Draws one fruit; start at `fruit.draw`."""
