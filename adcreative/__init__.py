"""adcreative: which creative will be clicked, how sure are we, why, and what should change.

    from adcreative import pipeline
    pipeline.score("ads/", "scores.csv")

Importing this package loads no torch; the verbs in `pipeline` load what they need when they are called.
"""

import os

# A thread of OpenMP spins while it waits for the others of its team. On a machine with other work it takes their core so: sixty
# passes of a small network took 164 s beside eight busy programs, 8 s with waits that sleep. Read when torch is first loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "1.0.0"
