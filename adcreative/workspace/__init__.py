"""Persistent store of the app: brands, ads with versions, approvals, tests, read-outs, trained models and uploads.

Knows records and files, but no pages and no models. Start with `store.Workspace`.
"""
