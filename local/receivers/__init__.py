"""The receivers of ends: a CRM, a webhook, and a recorder on the bus."""
