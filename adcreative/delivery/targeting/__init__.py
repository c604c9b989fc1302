"""Which queries, keywords or interests suit a creative: popular ones, like words, labels of like creatives."""
