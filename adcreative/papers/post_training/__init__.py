"""Tuning of the copywriter's language model, and training that goes on when machines go away.

Papers: Gururangan et al. 2020 (continued pre-training), Rafailov et al. 2023 (DPO), Pang et al. 2024 (the chosen line's own
likelihood), Blagoev, Ersoy, Chen 2025 (CheckFree, CheckFree+).
    data, training    the stages pretrain, sft and dpo on trl's trainers, from real headline tests or a brand's own lines
    head              the last layer, computed where a token is learnt
    measures, card    figures of an adapter on held-out tests, and its card
    pipeline/         layers cut into stages that may die; recovery.py holds CheckFree's rule
    __main__          python -m adcreative.papers.post_training
Differs: edge stages die, too, and neighbours may be lost at once (see pipeline/recovery.py).
"""
