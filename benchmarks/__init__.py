"""Measurements of the project, one module each; `python -m benchmarks` runs them. See benchmarks/README.md."""
