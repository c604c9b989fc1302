"""The faces of a picture: detection, mesh, alignment, attributes, identity. `analysis.FaceAnalyzer` puts them together."""
