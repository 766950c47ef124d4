"""The fuzzer: mutated inputs for everything that reads what others write."""
