"""Slates for readers who come back: a state that follows each reader's clicks.

Paper: Eide, Leslie & Frigessi, "Dynamic slate recommendation with gated recurrent units and Thompson sampling", Data Mining and
Knowledge Discovery 2022, sections 3 and 4, and its published code.
    histories    rows of a log with slates and users -> arrays
    model        the variational posterior, its fit in two phases, one reader's view
    choice       GRU, running mean or all readers alike, by slates left out
    run          `adcreative papers slates`: `rotate` with slates for each reader
Differs: place effects; the likelihood at temperature 1, where the code has 0.01, so that spreads mean what is not known; every
slate without a click counts, not one in ten.
When: readers come back many times; `rotate` with several slots asks by itself and follows where slates left out say so. The
running mean ("linear") is as good as the GRU where readers drift, the GRU better where a click turns them to what comes next.
"""
