"""The sections of scripts/survival_study.py."""
