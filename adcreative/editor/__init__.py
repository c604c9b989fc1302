"""The editor: searches edits of faces, words and picture, and delivers one only when it survives a second and third opinion.

    session      open_session: one creative, opened once; its Session searches an edit, takes another one, sets other words
    decision     finalists scored again from final pixels, verdict of three models, the result, what may be claimed of it
    preparation  faces opened, lines written, scenes painted, the picture's reaction to each edit measured
    settings     EditorConfig, from defaults, a TOML file or the caller; SessionSettings: all that is asked for of one ad
    search       NSGA-II and other algorithms, the loop they run in, the archive of what was scored
    scoring      what a candidate is worth: first-order surrogate, objectives, final pixels
    space        what may change, how a genome says it, and the EditPlan that it is read into once
    models       EditorTools, and what the editor asks of each model

Each imports only those below it. Importing editor.session loads no torch.
"""
