"""The command line: typer commands, one file per group; no logic."""
