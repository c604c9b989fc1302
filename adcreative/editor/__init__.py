"""The editor: searches edits of faces and words, and delivers one only when it survives a second look.

    settings    EditorConfig, EditorTools: what one edit is made with
    opening     what is in a creative: features, editable faces, lines, buttons and scenes to choose from
    protection  what of a picture stays: faces, salient things, text
    look        exposure, warmth, contrast, saturation and crop of the whole picture
    scene       other grounds behind what is protected
    response    how the picture answers to each direction, look and scene, measured on composed pictures
    genome      what may change, and how a genome says it
    operators   variation and mating selection, as published
    objectives  what a candidate is worth inside the search, for a whole population at once
    search      NSGA-II, and the driver that every algorithm runs in
    surrogate   a model of the scores so far, which proposes candidates to NSGA-II
    elite       who leads, and which candidates are rendered to be sure of it
    baselines   AdSEE's genetic editor, CMA-ES, random search, hill climbing
    composing   from a genome to final pixels and words, and to their score
    finalists   the best edits composed at full size and scored again from final pixels and words
    judge       knee, shrinkage, verdict of a second model
    editor      edit_creative: all of the above in order

Importing editor.editor loads no torch.
"""
