"""The commands `find`, `tail`, `send` and `forget`, which are about single ends."""
