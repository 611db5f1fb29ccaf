"""A page that this machine shows in a browser: what the preview of a run and the naming of clusters have in common.

What they answer, to whom, and how much they take, each says for itself.

    page.py     an HTML file with the policy that lets a browser run nothing but what stands in it
    cookie.py   what a browser gets for a token
    server.py   HTTP that asks nobody and logs nothing
"""
