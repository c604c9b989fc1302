"""The editor: searches edits of faces, words and picture, and delivers an edit only when two further opinions confirm it.

    session      open_session: opens one creative; its Session searches an edit, takes another edit, sets other words
    decision     final scores of the finalists, verdict of three models, the result, what may be claimed of an edit
    preparation  faces opened, lines written, scenes painted, the picture's response to each edit measured
    settings     EditorConfig, from defaults, a TOML file or the caller; SessionSettings: all settings of one ad
    search       NSGA-II and other algorithms, the search loop, the archive of scored candidates
    scoring      the score of a candidate: first-order surrogate, objectives, final pixels
    space        the search space, its encoding as a genome, and the decoded EditPlan
    models       EditorTools, and the functions that query each model

Each imports only modules below it. Importing editor.session loads no torch.
"""
