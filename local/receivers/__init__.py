"""The services that receive ends: a CRM, a webhook receiver, and a recorder of bus events."""
