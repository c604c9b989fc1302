"""From finalists to a verdict: scored again from final pixels, judged by a second model, reported by a third."""
