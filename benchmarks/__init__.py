"""What tracking and the exporter cost, measured on the machine at hand: `make benchmark`."""
