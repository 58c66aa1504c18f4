import pytest

from container.serving.describe import execution_parameters
from container.serving.settings import ServeSettings


@pytest.mark.parametrize(
    ("workers", "inferences", "max_body_mib", "expected"),
    [(1, 2, 25, (4, 25)), (2, 4, 25, (16, 6)), (8, 4, 25, (16, 6)), (1, 1, 25, (2, 25)), (1, 2, 1000, (4, 25))],
)
def test_batch_transform_is_told_to_keep_every_lane_busy_within_the_platforms_bound(
    workers, inferences, max_body_mib, expected
):
    settings = ServeSettings(workers=workers, inferences=inferences, max_body_bytes=max_body_mib * 2**20)
    told = execution_parameters(settings)
    assert (told["MaxConcurrentTransforms"], told["MaxPayloadInMB"]) == expected
    assert told["MaxConcurrentTransforms"] * told["MaxPayloadInMB"] <= 100
