"""The editor: searches edits of faces and words, and delivers one only when it survives a second look.

    settings    EditorConfig, EditorTools: what one edit is made with
    opening     what is in a creative: features, editable faces, lines to choose from
    response    how the picture answers to each direction, measured on composed pictures
    genome      what may change, and how a genome says it
    operators   variation and mating selection, as published
    objectives  what a candidate is worth inside the search, for a whole population at once
    search      NSGA-II, and the driver that every algorithm runs in
    surrogate   a model of the scores so far, which proposes candidates to NSGA-II
    baselines   AdSEE's genetic editor, random search, hill climbing
    finalists   the best edits composed at full size and scored again from final pixels and words
    judge       knee, shrinkage, verdict of a second model
    face_edit   faces of one picture, inverted and edited in the generator
    compose     the edit carried back into the picture
    editor      edit_creative: all of the above in order

Importing editor.editor loads no torch.
"""
