"""Generators: evidence in, a cited answer out, piece by piece."""
