"""What the manual needs of Sphinx that no published extension does."""
