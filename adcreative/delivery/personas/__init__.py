"""For whom: how declared audience profiles go with features of ads, with intervals over people. Never inferred from
pictures."""
