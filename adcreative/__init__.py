"""adcreative: which creative will be clicked, how sure are we, why, and what should change.

    from adcreative import pipeline
    pipeline.score("ads/", "scores.csv")

Importing this package loads no torch; the verbs in `pipeline` load what they need when they are called.
"""

__version__ = "1.0.0"
