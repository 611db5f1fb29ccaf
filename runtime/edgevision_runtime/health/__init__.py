"""How the board is: sensors, steps that take heat away, and what the service manager is told."""
