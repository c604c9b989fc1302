"""The model of one account: simple floors and strong members, stacked on held-out groups.

table (ads as plain columns) -> encoder (fitted blocks of numbers) -> members (mixed effects, linear, trees ...) -> stacking ->
intervals -> model (the same interface as `ctr.predictor.Predictor`). `fitting.fit_account` fits the model.
"""
