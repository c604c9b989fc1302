"""Metrics of predicted click rates: ranking, calibration, bootstrap intervals."""
