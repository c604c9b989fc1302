"""Faster ways to run the networks on a CPU; each is compared in the tests with the plain network whose numbers it gives."""
