"""stylegan: faces and their latents. Knows nothing of ads; never imports adcreative."""
