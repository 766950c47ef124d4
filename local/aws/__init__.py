"""The offline AWS: the emulator as a process, what it gets wrong put right, deploys to it."""
