"""What all contenders run in: events, Lambda's context, and AWS without a network."""
