"""Training of the segmentation networks on built-in scenes."""
