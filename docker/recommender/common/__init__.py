"""What the four services share: no business, no data, only how a service behaves towards its neighbours."""
