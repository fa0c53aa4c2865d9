"""Metadata helpers."""
