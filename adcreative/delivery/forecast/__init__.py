"""Forecast of ads' click rates and lifetimes: trends of fatigue."""
