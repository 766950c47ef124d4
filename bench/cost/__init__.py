"""What ends cost, from counted calls and a table of prices."""
