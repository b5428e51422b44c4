"""Benchmarks: ratios from one run, never absolute promises. `python -m evals.bench` prints a table and writes JSON."""
