"""Interrupts that arrive whoever started the tests.

A shell starts a background job with SIGINT ignored, cron and some supervisors do too, and a program hands that on to all that it
starts. Then no KeyboardInterrupt ever comes in a child, and a test that interrupts one waits for ever.
"""

import signal


def hear_interrupts() -> None:
    """Take SIGINT as a foreground job does, here and in every child from now on. To be called in the main thread."""
    if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None):
        signal.signal(signal.SIGINT, signal.default_int_handler)
