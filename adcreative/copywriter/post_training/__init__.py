"""Tuning of the copywriter's language model on headline tests: data, training, measures, card."""
