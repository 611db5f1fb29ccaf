"""From a model to a bundle: convert into a draft, then add golden vectors, a model card and evidence."""
