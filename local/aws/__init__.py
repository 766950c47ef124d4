"""The offline AWS: the emulator's process, corrections to the emulator, and deployments to it."""
