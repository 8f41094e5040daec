"""What the notebooks of unit 05, auto-scaling, use and no other unit does."""
