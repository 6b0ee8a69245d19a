"""What makes a real recording worse than a rendered one, added to a clean source."""
