"""What goes out, printed for people: subscriptions, digests, deliveries."""
