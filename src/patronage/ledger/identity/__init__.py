"""One person under several customer ids: finding them, judging them, joining them, and taking it back."""
