"""The receivers of ends: a CRM, a webhook receiver, and a recorder on the bus."""
