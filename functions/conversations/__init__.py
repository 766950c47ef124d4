"""The domain: events, ends, end rules, histories and claims, independent of AWS."""
