"""Backends: code that runs a Program in a framework or writes it in a format."""
