"""What the nodes of the cluster are told, without starting one."""

from tests.cluster.brokers import MANIFEST, Config, registration


def test_the_nodes_are_configured_as_on_kubernetes_but_for_the_place_of_their_definitions() -> None:
    config = Config.installed(MANIFEST.read_text())
    assert "cluster_partition_handling = pause_minority\n" in config.lines
    assert "target_group_size = 3\n" in config.lines
    assert "definitions" not in config.lines
    assert config.advanced.startswith("[{kernel, ")


def test_a_port_mapper_is_told_name_and_port_in_the_form_of_erlangs_protocol() -> None:
    request = registration("a-1@localhost", 4370)
    assert request[:2] == len(request[2:]).to_bytes(2, "big")
    assert request[2:] == b"x\x11\x12M\x00\x00\x06\x00\x05\x00\x03a-1\x00\x00"
