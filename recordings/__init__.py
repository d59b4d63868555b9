"""What callers hear: prompts, music and tones."""
