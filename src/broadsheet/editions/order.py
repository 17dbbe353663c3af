"""The order of an edition, each place with its reason. Pure."""
