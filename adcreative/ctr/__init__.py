"""Click-rate prediction: features in, calibrated rate with interval, evidence and reasons out.

ctr/
|-- config.py       frozen configurations; no torch
|-- layers.py       initialisation, dropout, adaptive sparse target attention, quadratic network
|-- embedding.py    a FeatureBatch as field vectors; the wide (linear) path
|-- challenge.py    sizes, items and embedding layer of the challenge data
|-- qin.py          CreativeQIN for creatives, ChallengeQIN as published
|-- din.py          DIN (KDD 2018) for creatives and as the challenge's baseline
|-- autoint.py      AutoInt (CIKM 2019) in the form in which AdSEE used it
|-- serving.py      ChallengeQIN folded and with kept histories, for many candidates of one account
|-- reference.py    state dict of the authors' network -> ChallengeQIN
|-- zoo.py          every network by name: one literal dict
|-- training.py     losses, batches, early stopping
|-- calibration.py  logits -> rates with intervals, fitted on held-out groups
|-- mmctr_models.py, mmctr_batches.py, mmctr_training.py, mmctr_table.py   networks and baselines on the challenge data
|-- processes.py    batch norm, dropout and sums over the processes of one training
|-- metrics.py      pairwise accuracy, rank correlation, log-loss, ECE; bootstrap over groups
|-- benchmark.py    AdSEE's tables: models, inputs, face pooling (face_pooling.py), with intervals, beside adsee_tables.py
|-- label_field.py  class labels of pictures as a field of networks that are built with it
|-- evidence.py     provenance grades and drift: what a number rests on
|-- held_out.py     a predictor on creatives it has not seen: intervals over groups, deciles, verdict
|-- attribution.py  why: shares of the log-odds that add up (integrated gradients), exact ablations
|-- perturbation.py why: words by leave-one-out, regions of the picture by occlusion; how faithful that is
|-- neighbours.py   why: the nearest training creatives with their rates
|-- fitting.py      split, train the ensemble, calibrate, measure
`-- predictor.py    builder + ensemble + calibrator + evidence = one artefact
"""
