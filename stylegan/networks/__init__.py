"""The networks: generator, encoder, discriminator, their operations and checkpoints."""
