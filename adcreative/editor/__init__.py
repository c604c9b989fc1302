"""The editor: searches edits of faces, words and picture, and delivers one only when it survives a second and third opinion.

    editor       edit_creative: one creative from its picture and words to an EditOutcome
    rewording    other words on a finished edit
    decision     finalists scored again from final pixels, verdict of three models, the result
    preparation  faces opened, lines written, scenes painted, the picture's reaction to each edit measured
    settings     EditorConfig, from defaults, a TOML file or the caller
    search       NSGA-II and other algorithms, the loop they run in, the archive of what was scored
    scoring      what a candidate is worth: first-order surrogate, objectives, final pixels
    space        what may change, and how a genome says it: faces, adjustments, words, scene
    models       EditorTools, and what the editor asks of each model

Each imports only those below it. Importing editor.editor loads no torch.
"""
