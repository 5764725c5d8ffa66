"""`depth-snn eval --protocol depth`: dense, irreversible and recovering streams side by side."""
