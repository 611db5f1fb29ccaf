"""Learn a backbone from pictures alone: two views of a picture should look alike to it, other pictures should not.

What is where:

    plan.py        what is asked for
    views.py       how a picture may be changed and still be the same thing
    losses.py      VICReg, SimCLR, distillation from a teacher, SCAN
    objectives.py  the networks that a loss trains, and what each step needs
    scan.py        the stage that makes clusters
    loop.py        the steps, with a checkpoint after each epoch
    spread.py      whether the features still say anything
    pretrain.py    all of it, into a run directory
"""
