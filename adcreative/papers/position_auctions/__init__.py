"""Position auctions in text: where sponsored ads stand, and what each pays per click.

Paper: Balseiro et al., "Position Auctions in AI-Generated Content", arXiv 2506.03309, WWW 2026.
    auction          readers who compare all ads (multinomial logit): exact welfare, VCG and Myerson payments
    cascade          readers who stop at the first click
    virtual_values   values of bidders from past bids, ironed (Myerson)
    matching         the assignment problem of one step
    text             paragraphs, places between them, how well an ad fits
    run              the verb `place`
Differs: how well an ad fits a place is a cosine of sentence vectors with a fixed weight, where the paper asks a language model.
"""
