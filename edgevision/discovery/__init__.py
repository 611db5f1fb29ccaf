"""Learning without labels: pictures go in, structure that a person can name comes out.

frames.py       what is looked at; labels are never read
truth.py        labels of the same pictures, for judging only
backbones.py    what turns a picture into features
file_backbone.py a model file of somebody else's as a backbone
whitening.py    features into an embedding, as one dense layer
embeddings.py   embeddings on disk, with the space they live in
"""
