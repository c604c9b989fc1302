"""Consent to edit faces, the marks inside an edited picture, and the disclosures that a market requires.

    consent      ConsentRecord, ConsentBook: whether the faces of a creative may be edited, and in which directions
    marks        encode_picture: PNG, JPEG or WebP bytes with the IPTC digital source type, upright and with a colour profile
    sidecar      the JSON next to an exported picture: tool, models, edits, consent, approver
    export       export_picture: mark, sign and write a picture with its sidecar
    signing      an optional C2PA manifest, written last
    disclosure   the disclosures that a market requires, from dated rules (rules/*.yaml)

Knows the records only: no models, no catalogue, no torch.
"""
