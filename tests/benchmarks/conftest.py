"""A peer is imported only where it is measured: it may not be installed."""

collect_ignore_glob = ["contenders/*"]
