"""Tests of what a host is given to learn from."""
