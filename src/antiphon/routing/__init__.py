"""Which engine answers next: routes, health, circuit breakers. Pure decisions, and the reasons for them."""
