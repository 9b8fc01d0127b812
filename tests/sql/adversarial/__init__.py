"""Attempts of a tenant's role to see, write or count what is another tenant's."""
