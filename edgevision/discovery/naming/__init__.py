"""Clusters get names from a person, names become a data set, and the named clusters a classifier.

What is where:

    names.py       what may be a name; names.csv
    state.py       what is known: names, clusters that were split, pictures that were left out
    journal.py     every action, a line each, so that nothing is lost and everything can be undone
    store.py       the two together, saved after each action
    screens.py     what a person sees of each cluster
    thumbnails.py  its pictures
    server.py      the page's server: routes.py says what it answers, page.html is the page
    propagate.py   from names of clusters to labels of pictures, with those that are left open
    dataset.py     the data set that `train` reads
    centroid.py    the named clusters as a classifier
"""
