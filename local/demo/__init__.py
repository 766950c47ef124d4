"""`make demo` deploys the stack, sends made-up conversations, reports on them and cleans up."""
