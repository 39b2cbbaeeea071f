"""The way out: what changed here reaches the vendor, once."""
