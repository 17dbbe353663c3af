"""Which days hold an edition, and when arXiv announces. Pure."""
