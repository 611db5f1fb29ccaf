"""What of a set is worth keeping: each check says what it found, by which number; nothing is deleted or moved.

looking.py      one pass over the pictures: sizes, light, sharpness, thumbnails, features
findings.py     what a check says of a picture, and what each reason means
quality.py      unreadable, small, dark, bright, flat, blurred
likeness.py     how alike two pictures are: by perceptual hash, and by embedding
duplicates.py   near-duplicates: which of them stays
outliers.py     pictures far from all others
suspects.py     labels that the pictures speak against (cleanlab)
diverse.py      the N pictures that cover the rest best
curate.py       the checks in their order, and the verdict on each picture
record.py       kept.csv and findings.json
page.py         report.html
keeping.py      copies or links of what is kept
"""
