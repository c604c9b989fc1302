"""What stays between visits: brands, ads with their versions, approvals, tests, read-outs, trained models and uploads.

Knows records and files, no page and no model. Start with `store.Workspace`.
"""
