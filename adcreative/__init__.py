"""adcreative: which creative will be clicked, how sure are we, why, and what should change.

    from adcreative import pipeline
    pipeline.score("ads/", "scores.csv")

Importing this package loads no torch; the verbs in `pipeline` load what they need when they are called.
"""

import os

# A thread of OpenMP spins while it waits for the others of its team: on a busy machine it takes the core that they need. One
# that sleeps costs a small network up to twice its time on an idle machine, and saves most of it on a busy one; the number of
# threads, on which the last digits hang, stays as it is. Read when torch is first loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "1.0.0"
