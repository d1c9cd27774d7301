"""Benchmarks: each compares with a floor in the same run and prints a ratio. None of them is a test."""
