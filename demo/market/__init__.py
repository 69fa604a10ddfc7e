"""Composes market scenes; start at `scenes.render_scene`."""
