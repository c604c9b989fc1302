"""Programs with a window on top of the verbs; they know `adcreative.pipeline`, the records and the report's parts."""
