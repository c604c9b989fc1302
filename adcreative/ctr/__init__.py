"""Click-rate prediction: features in, calibrated rate with interval, evidence and reasons out.

ctr/
|-- config.py            frozen settings of networks, training and the predictor; no torch
|-- nn/                  layers, the shared MLP, and what several processes do together
|-- inputs/              creatives and logs as NetworkInputs
|-- networks/            one published network a file, each with its own config, on NetworkInputs; the registry
|-- creative_network.py  a network of the registry on creatives, beside the wide (linear) path
|-- training/            the one loop and what uses it, losses, warm start
|-- calibration.py       logits -> rates with intervals, fitted on held-out groups
|-- changes.py           how far a predicted change is believed
|-- evidence.py          grades and out-of-distribution scores: what a number rests on
|-- click_model.py       what callers may ask of a model, be it the general predictor or that of an account; card.py
|-- account/             the model of an account: floors, mixed effects, trees, shipped score, stacked; what `train` makes
|-- evaluation.py        a model on creatives it has not seen: intervals over groups, deciles, verdict
|-- trainable.py         whether anything can be learnt from creatives with results
|-- saved_model.py       the base of saved models: folder, hash, card, encoders it was fitted with
`-- predictor.py         builder + ensemble + calibrator + evidence = one artefact
"""
