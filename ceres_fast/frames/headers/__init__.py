"""What headers say: single cards, times, and one table of what each quantity is called."""
