"""The oracle: cases, certified enclosures, verdicts and identification."""
