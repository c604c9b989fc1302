"""adcreative: which creative will be clicked, how sure are we, why, and what should change.

    from adcreative import pipeline
    pipeline.score("ads/", "scores.csv")

Importing this package does not import torch; the verbs in `pipeline` load their dependencies when called.
"""

import os

# By default, an OpenMP thread spins while it waits for its team: on a busy machine it blocks the core that the others need. A
# thread that sleeps costs a small network up to twice its time on an idle machine, and saves most of it on a busy one; the
# number of threads, on which the last digits depend, is unchanged. Read when torch is first loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "1.0.0"
