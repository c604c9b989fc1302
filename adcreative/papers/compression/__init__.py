"""Smaller models of impression logs, by what a table holds: the values, rows, widths and numbers that are worth keeping.

    values       Lyu et al., "Optimizing Feature Set for Click-Through Rate Prediction" (OptFS), WWW 2023: a gate for each value
    rows_dims    Lyu et al., OptEmbed, CIKM 2022: a threshold for rows and a width, for each field
    dims         Cheng et al., "Differentiable Neural Input Search" (DNIS), arXiv 2006.04466: numbers to a budget
    hashing      Wu et al., GraphHash, WWW 2025: a row for each cluster of ids that are clicked together
    selection    the verb `select`: values by OptFS, pairs by OptInter (ICDE 2022)
    run          the verb `compress` with these methods beside the product's
    wrapping     tables in training, in the place of a network's own
Each file says its equations and what differs.
"""
