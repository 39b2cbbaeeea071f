"""System checks of the platform: manifests, mappings and targets are held to each other at start, not in a request."""
