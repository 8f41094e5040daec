"""What a store says when it does not answer; every application turns it into a problem document."""


class StoreUnavailable(Exception):
    """The store gave no answer."""


class StoreSlow(Exception):
    """The store gave no answer in time."""
