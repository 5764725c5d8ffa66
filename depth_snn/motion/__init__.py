"""Which tokens moved, with the camera's own motion removed, and what finding out cost."""
