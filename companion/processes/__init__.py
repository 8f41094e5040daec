"""Programs beside the kernel: start, guard, wait, stop."""
