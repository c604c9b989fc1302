"""After the edit: plan the test, export the variants, read the results, and learn from them.

    variants      the arms of a run: one original and one edited ad per test, with names that can be joined back
    sequential    the anytime-valid comparison of two click rates
    test_plan     impressions and days a predicted uplift needs before it can be seen
    read_out      winner, loser or go on; safe to ask every day
    placements    which formats of the platforms a picture fits; rules/ holds them as dated data
    export        variants as Google Ads Editor CSV, Meta bulk sheet or AdCP manifests
    recalibration predicted against real, in figures
    loop          platform results joined to variants in a DuckDB file, and the next training table

and what comes after launch:

    rotation      tomorrow's share of each creative; slates; other policies judged from a log
    forecast      trends of click rates; lifetimes and when each ad ends
    targeting     queries, keywords and interests among very many

None of them loads torch.
"""
