"""Providers that exist for the tests of the pages only."""
