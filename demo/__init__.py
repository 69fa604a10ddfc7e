"""The embedded model: what renders its pictures, trains it and shows it."""
