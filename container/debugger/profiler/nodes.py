"""Host names -> node names: every reader of profiler files demands `algo-<n>`."""

import re
from collections.abc import Sequence

NODE_NAME = re.compile(r"algo-\d+")


def node_name(current_host: str, hosts: Sequence[str]) -> str:
    """`algo-<n>` of this host: its own name where all are named so, else its place in the sorted list, from 1."""
    if hosts and all(NODE_NAME.fullmatch(host) for host in (current_host, *hosts)):
        return current_host
    return f"algo-{sorted(hosts).index(current_host) + 1 if current_host in hosts else 1}"
