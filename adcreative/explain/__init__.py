"""Why a creative is predicted as it is: attributions, perturbations, word gradients, neighbours."""
