"""Segmentation without labels: pictures in superpixels, which are clustered over the whole set and named."""
