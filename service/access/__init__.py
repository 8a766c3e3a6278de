"""Who may do what: keys, roles, limits, and the record of who changed what."""
