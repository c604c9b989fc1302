"""Whose face may be edited, what an edited picture says about itself, and what must be disclosed where.

    consent      ConsentRecord, ConsentBook: may the faces of this creative be edited, and in which directions
    marks        encode_picture: PNG, JPEG or WebP bytes with the IPTC digital source type, upright and with a colour profile
    sidecar      the JSON beside an exported picture: tool, models, edits, consent, who approved it
    export       export_picture: mark, sign and write a picture with its sidecar
    signing      an optional C2PA manifest, written last
    disclosure   which disclosures a market asks for, from dated rules (rules/*.yaml)

Knows the records only: no models, no catalogue, no torch.
"""
