"""The search space of a creative and its encoding as a genome: faces, global adjustments, scene, words."""
