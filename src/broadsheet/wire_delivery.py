"""What goes out as JSON: subscriptions, digests, deliveries."""
