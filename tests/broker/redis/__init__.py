"""Tests of `meet.broker.redis`, against real servers."""
