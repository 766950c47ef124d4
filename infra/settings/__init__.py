"""The settings of a stage: their keys, and their checks one by one and in combination."""
