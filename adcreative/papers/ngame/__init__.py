"""Labels (queries, keywords, interests) of an ad among up to millions, by an encoder that is trained on known pairs.

Paper: Dahiya et al., "NGAME: Negative Mining-aware Mini-batching for Extreme Classification", WSDM 2023.
    batches    clusters of like points, batches cut from them, the mask of what is no negative (section 4)
    model      the shared encoder, the loss over the hardest negatives, labels tuned after it (section 3)
    index      nearest labels: exact to 50,000, an inverted file above
    run        `adcreative papers target`: the encoder beside the floors of `target`
Differs: n-gram embeddings instead of DistilBERT, so that 10^6 labels are encoded on a CPU; a dense part for sentence and
picture vectors, as ViXML adds it; clusters need not be powers of two.
When: known pairs are many and labels share no words with ads. On the simulated account like words are better: the first query
is right for 100 % of its new ads, by the encoder for 80 %.
"""
