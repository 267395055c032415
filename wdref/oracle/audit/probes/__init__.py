"""What is walked: copies of an optimizer, by framework, and how much of a tensor they hold."""
