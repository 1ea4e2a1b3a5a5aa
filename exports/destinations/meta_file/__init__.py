"""Meta custom audience as files: hashed match keys under Meta's own column names."""
