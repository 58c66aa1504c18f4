from container.debugger.profiler.nodes import node_name


def test_the_platforms_names_are_kept() -> None:
    assert node_name("algo-2", ["algo-1", "algo-2"]) == "algo-2"


def test_other_hosts_are_numbered_in_their_sorted_order() -> None:
    assert [node_name(host, ["beta", "alpha"]) for host in ("alpha", "beta")] == ["algo-1", "algo-2"]


def test_two_hosts_never_share_a_name() -> None:
    hosts = ["algo-2", "alpha"]
    assert len({node_name(host, hosts) for host in hosts}) == 2


def test_an_unknown_host_is_the_first() -> None:
    assert node_name("localhost", []) == "algo-1"
    assert node_name("localhost", ["other"]) == "algo-1"
