"""Tests of the pipeline: plans through the runner, with a double of the client and with the real one."""
