"""What the categories of arXiv are about: facts of its taxonomy, in a table. Pure."""


def category_label(category: str) -> str:
    """Return a category with what it is about."""
    return category
