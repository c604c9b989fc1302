"""Published systems that are not on the way score, optimize, launch, learn: one folder a paper, all of one shape.

    position_auctions    sponsored ads between the paragraphs of a text, by an auction       adcreative papers place
    set_continuation     more assets or keywords like these                                  adcreative papers extend
    personas             which declared profile prefers which ads, held against chance       adcreative papers personas
    ngame                labels among up to millions, by an encoder with hard negatives      adcreative papers target
    slate_readers        slates for readers who come back, by a state that follows clicks    adcreative papers slates
    discontinuation      when an ad is stopped, by two hazards over one trunk                adcreative papers forecast
    compression          smaller tables of models of logs; which values and pairs to keep     adcreative papers select
    learned_codec        pictures in few bytes, by a learned entropy model                   python -m ...learned_codec.run
    post_training        tuning of the language model; stages that may die (CheckFree)        python -m ...post_training
    microlens            QIN and what it was compared with, on MicroLens_1M_x1               python -m ...microlens.run

A folder's docstring names the paper, says which file implements which part, and what differs. `run.py` is the verb. A folder
imports the product; nothing of the product imports it (import contract); the doors reach it through `pipeline`.
"""
