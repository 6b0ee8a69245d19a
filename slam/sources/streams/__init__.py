"""What every live or bagged source shares: one clock, and pairs of colour and depth."""
