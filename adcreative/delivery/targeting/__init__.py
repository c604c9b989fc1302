"""Match queries, keywords or interests to a creative: popular labels, similar words, labels of similar creatives."""
