"""From frame-by-frame answers to events: what a person would say happened in front of the camera.

The way of one answer, a file for each step:

    settings.py     what to watch, as frozen dataclasses; reading.py makes them from texts, flags.py has the flags
    motion.py       before the model: is the picture still the one that the last answer was about?
    zones.py        of a mask: the share of each class in a polygon of the frame
    smoothing.py    answers over a window of time: one wrong frame is no news
    hysteresis.py   a score that is high for long enough begins something, one that is low for long enough ends it
    watchers.py     one label's score, or which label it is now
    rules.py        all of it for one camera and one model: a `Result` in, `Event`s out
    watch.py        the gate and the rules of one camera
"""
