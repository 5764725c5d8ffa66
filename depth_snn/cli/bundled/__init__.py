"""What is copied into a bundle as it stands."""
