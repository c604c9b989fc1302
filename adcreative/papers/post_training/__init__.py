"""Tuning of the copywriter's language model, and training that goes on when machines go away.

Papers: Gururangan et al. 2020 (continued pre-training), Rafailov et al. 2023 (DPO), Pang et al. 2024 (the chosen line's own
likelihood), Blagoev, Ersoy, Chen 2025 (CheckFree, CheckFree+).
    data, training    the stages pretrain, sft and dpo on trl's trainers, from a brand's own lines
    checkfree         pre-training that goes on when the weights of some layers are lost
    __main__          python -m adcreative.papers.post_training
Differs: CheckFree runs in one process, on losses drawn by a schedule.
"""
