"""A run seen from a browser: `--preview [HOST]:PORT` serves a page, pictures, the state as JSON, health and metrics.

It reads what `RunStatus` holds: the loop does nothing for it, and pictures are encoded only while somebody looks.

    flags.py       the flags of `run`
    serving.py     opens and closes all of it
    address.py     where to listen
    access.py      who may look
    server.py      HTTP: few clients at a time, nobody waits for a slow one
    routes.py      what can be asked for; page.html is the page
    pictures.py    JPEGs of a camera, one encoding for all who look
    healthz.py     whether the run does its work
"""
