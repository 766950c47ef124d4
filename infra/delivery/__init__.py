"""The AWS resources of the two deliveries, and the function that calls Genesys Cloud for them."""
