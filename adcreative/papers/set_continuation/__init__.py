"""Continuation of a set: more assets or keywords like those that it holds.

Paper: Volkovs et al., "Two-stage Model for Automatic Playlist Continuation at Scale", RecSys Challenge 2018.
    model    stage one: neighbours, latent factors, words; stage two: boosted trees over the candidates of stage one
    run      the verb `extend`
Differs: no convolutional sequence model in stage one; LightGBM in place of XGBoost.
"""
