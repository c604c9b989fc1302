"""Which queries, keywords or interests suit a creative, among very many: an encoder, hard negatives by clustered batches, an
index."""
