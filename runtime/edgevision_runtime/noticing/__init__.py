"""What a device notices by itself, without labels, in the embeddings of its frames.

selection.py    a frame unlike all that were kept is worth keeping
picture.py      light, contrast, sharpness, colour and layout of a frame
reference.py    what a site looks like when all is well: fitted on a workstation, carried in the bundle
window.py       how far the last frames, taken together, are from that
drift.py        windows that stay away from it begin an event
"""
