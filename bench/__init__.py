"""Benchmarks: programs that print figures, each as a ratio to a floor measured beside it."""
