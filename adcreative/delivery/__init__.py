"""After the edit: plan the test, export the variants, read the results, and learn from them.

    variants      the arms of a run: one original and one edited ad per test, with names that identify the arms in results
    sequential    the anytime-valid comparison of two click rates
    test_plan     impressions and days needed to detect a predicted uplift
    read_out      winner, loser or go on; valid at every daily look
    placements    the platform formats that a picture fits; rules/ holds dated data
    export        variants as Google Ads Editor CSV, Meta bulk sheet or AdCP manifests
    recalibration comparison of predictions with results
    loop          platform results joined to variants in a DuckDB file, and the next training table

and what comes after launch:

    rotation      tomorrow's share of each creative; slates; other policies judged from a log
    forecast      trends of click rates; lifetimes and when each ad ends
    targeting     queries, keywords and interests among very many

None of them loads torch.
"""
