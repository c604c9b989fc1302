"""Pictures, words and faces as numbers; where the weights for that come from.

    weights          every named weight: sources in order, hash, licence (no torch)
    creative_clip    CreativeClip: pictures and words through open_clip
    labels           PictureLabeller: ImageNet classes seen in a picture, for benchmarks
    headline         HeadlineModel: how appealing is a headline
    language         which language words are in (no torch)
    faces            FaceAnalyzer, FaceCodec

Importing the package loads nothing.
"""
