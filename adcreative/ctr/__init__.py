"""Click-rate prediction: features in, calibrated rate with interval, evidence and reasons out.

ctr/
|-- config.py            frozen settings of networks, training and the predictor; no torch
|-- nn/                  layers, the shared MLP, and data-parallel training
|-- inputs/              creatives and logs as NetworkInputs
|-- networks/            one published network per file, each with its own config, on NetworkInputs; the registry
|-- creative_network.py  a network of the registry on creatives, added to the wide (linear) path
|-- training/            the training loop and its users, losses, warm start
|-- calibration.py       logits -> rates with intervals, fitted on held-out groups
|-- changes.py           calibration of predicted changes
|-- evidence.py          grades and out-of-distribution scores: the evidence behind a rate
|-- click_model.py       the interface of the general predictor and the model of an account; card.py
|-- account/             the model of an account: floors, mixed effects, trees, shipped score, stacked; the result of `train`
|-- evaluation.py        a model on creatives outside its training data: intervals over groups, deciles, verdict
|-- trainable.py         whether anything can be learnt from creatives with results
|-- saved_model.py       the base of saved models: folder, hash, card, encoders of the fit
`-- predictor.py         builder + ensemble + calibrator + evidence = one artefact
"""
