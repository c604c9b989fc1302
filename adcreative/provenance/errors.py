"""Errors of the provenance package.

ProvenanceError(AdCreativeError, ValueError)   a consent file, a sidecar, a certificate or a rule cannot be used
"""

from adcreative.errors import AdCreativeError


class ProvenanceError(AdCreativeError, ValueError):
    """A consent file, a sidecar, a certificate or a disclosure rule cannot be used."""
