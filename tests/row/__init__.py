"""Tests of the row format."""
