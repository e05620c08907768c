"""Tests of the client: what an answer means, without a socket, and what a socket can do to it, over real HTTP."""
