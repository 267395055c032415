"""The JSON schemas of vectors and of their outputs, a file a version."""
