import torch

from container.debugger.tensors.sample import sample_activation, sample_parameter


def test_a_small_parameter_is_kept_whole() -> None:
    weight = torch.randn(10, 512)
    assert sample_parameter(weight) is weight


def test_a_large_parameter_gives_the_same_evenly_spaced_elements_every_time() -> None:
    weight = torch.arange(100_000.0).reshape(100, 1000)
    sample = sample_parameter(weight)
    assert sample.shape == (14_286,)  # every seventh
    assert torch.equal(sample, torch.arange(0.0, 100_000, 7))


def test_a_weight_in_channels_last_is_sampled_without_a_copy_of_all_of_it() -> None:
    weight = torch.randn(512, 512, 3, 3).to(memory_format=torch.channels_last)
    sample = sample_parameter(weight)
    assert sample.untyped_storage().data_ptr() == weight.untyped_storage().data_ptr()
    assert sample.shape == (16_384,)
    assert set(sample.tolist()) <= set(weight.flatten().tolist())


def test_an_activation_keeps_every_channel_of_fewer_images_and_positions() -> None:
    activation = torch.randn(64, 128, 56, 56).contiguous(memory_format=torch.channels_last)
    sample = sample_activation(activation)
    assert sample.shape == (8, 128, 8, 8)
    assert torch.equal(sample, activation[:8, :, ::7, ::7])


def test_the_networks_input_keeps_more_images() -> None:
    assert sample_activation(torch.randn(64, 3, 224, 224)).shape == (32, 3, 32, 32)


def test_logits_keep_the_whole_batch_as_labels_must_fit_them() -> None:
    assert sample_activation(torch.randn(64, 10)).shape == (64, 10)


def test_a_dimension_that_is_no_multiple_stays_within_the_bound() -> None:
    assert sample_activation(torch.randn(1, 16, 9, 17)).shape == (1, 16, 5, 6)
