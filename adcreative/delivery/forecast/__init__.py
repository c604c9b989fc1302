"""How an ad's click rate will go on: trends of fatigue."""
