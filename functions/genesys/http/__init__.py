"""The client's HTTP: sessions that retry, and answers that are read within limits."""
