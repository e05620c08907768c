"""Tests of the embedded preview server, over real HTTP on loopback."""
