"""Position auctions in text: where sponsored ads stand, and what each pays per click.

Paper: Balseiro et al., "Position Auctions in AI-Generated Content", arXiv 2506.03309, WWW 2026.
    model    exact allocations, VCG and Myerson payments; readers who compare all ads, and who stop at the first click
    text     paragraphs, places between them, how well an ad fits
    run      the verb `place`
Differs: how well an ad fits a place is a cosine of sentence vectors with a fixed weight, where the paper asks a language model.
"""
