"""A learned image codec: pictures in few bytes.

Papers: Jiang et al., "MLICv2: Enhanced Multi-Reference Entropy Modeling for Learned Image Compression", arXiv 2504.19119, 2025;
contexts of MLIC++ (Jiang et al. 2023), slices of ELIC (He et al. 2022), rates by gains (Cui et al. 2021).
    transforms    sizes, token-mixing blocks in place of residual ones
    entropy       arithmetic on a grid, integer tables of frequencies, contexts of a slice
    model         the network, and a trained one as it codes
    stream        bytes and back, by a range coder
    annealing     MLICv2+: latents of one picture refined before rounding (Yang, Bamler & Mandt 2020)
    run           python -m adcreative.papers.learned_codec.run PICTURES --out RUN
Differs: y keeps its scale and the step of rounding changes, where the paper scales y and rounds to whole numbers; one network
serves all rates by gains, where the paper trains one for each.
When: never for delivery, since no browser reads it. It asks for a GPU: 22 minutes of one core end at 26 dB.
"""
