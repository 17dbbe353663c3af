"""How good and how fast search is: `eval` and `bench`."""
