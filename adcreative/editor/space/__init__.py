"""What may change in a creative and how a genome says it: faces, global adjustments, scene, words."""
