"""One client per upstream dialect: connection, streaming, cancellation, error mapping. No policy."""
