"""Finds principal components of a table that may be far larger than memory; start at `fit`."""

from .fit import fit
from .fitted import PrincipalComponents

__all__ = ["PrincipalComponents", "fit"]
