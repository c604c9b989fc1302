"""From finalists to a verdict: scored again from final pixels, chosen by two models, reported by a third."""
