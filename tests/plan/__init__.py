"""Tests of plans that people write as files."""
