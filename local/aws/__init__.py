"""The offline AWS: the emulator's process, corrections to the emulator, and deploys to it."""
