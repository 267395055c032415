"""JSON Schemas of the vectors and of the outputs made from them."""
