"""Pictures fall into groups that a person can name.

What is where:

    cluster.py     all of it, from a `ClusterPlan` to a clusters folder
    kmeans.py      vectors into clusters, the largest first
    refine.py      SCAN: a network trained until neighbours fall into one cluster
    statistics.py  what is said of clusters: purity, medoids, exemplars, borderline pictures, outliers
    scenes.py      videos into scenes with a key frame each
    folder.py      the clusters folder
    report.py      its page
"""
