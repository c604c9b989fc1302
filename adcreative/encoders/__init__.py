"""Encoders of pictures, words and faces, and the registry of their weights.

    weights          every named weight: sources in order, hash, licence (no torch)
    creative_clip    CreativeClip: pictures and words through open_clip
    labels           PictureLabeller: ImageNet classes seen in a picture, for benchmarks
    headline         HeadlineModel: the appeal of a headline
    language         language detection for words (no torch)
    faces            FaceAnalyzer, FaceCodec

Importing the package loads nothing.
"""
