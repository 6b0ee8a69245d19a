"""Many runs: every source with every map and setting, and one table of them all."""
