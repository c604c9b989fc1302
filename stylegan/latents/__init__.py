"""The latents of faces: coding and decoding, inversion, the sampling prior, realism, edit directions.

Four spaces, by their names everywhere:

    z        [B, z_dim]      standard normal numbers, the input of `Generator.map`, which makes new faces
    code     [B, C]          an encoder's output for an aligned face, C = code_dim: edits are steps in this space. The
                             embedded encoder's code is a bottleneck of 512 numbers, of which w_plus is a linear function
                             (`FaceEncoder.expand`); an e4e encoder's code is w_plus itself, its rows one after the other
    w        [B, w_dim]      one style for all layers of the generator
    w_plus   [B, R, w_dim]   one style for each layer: the input of `Generator.synthesize`
"""
