"""The contenders on the AWS emulator, each with a queue of its own."""
