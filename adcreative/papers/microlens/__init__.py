"""QIN on the data that it was published on, beside the networks that it was compared with.

Paper: "QIN: Quadratic Interest Network for Multimodal Click-Through Rate Prediction", WWW 2025, data MicroLens_1M_x1.
    model    rows of the challenge's files -> NetworkInputs; QIN, DIN, AutoInt+, one modality alone
    run      trains and compares them: AUC with an interval over users, log-loss, untrained baselines
"""
