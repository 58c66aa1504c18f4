"""What of a command's output is shown: the story, and never how long it took."""

from notebooks.lines import TrainingLines, creates_line, trial_line


def test_an_epoch_is_one_line_and_the_results_stand_as_they_are() -> None:
    printed = [
        'Settings: {"base_dir": "/opt/ml"}',
        "Channel train: 80 images of 2 classes.",
        "Epoch 1 of 1",
        "Train loss: 2.5",
        "Train accuracy: 0.125",
        "Average loss: 1.25",
        "Accuracy: 0.5",
        "Images per second: 132.3",
        "Best epoch: 1",
        "Average loss: 1.25",
        "Model artifact: /opt/ml/model/model.pt",
        "Variant bf16 kept: speed 1.68",
        "Rules: 1 of 22 found issues. Report: /opt/ml/output/report.html",
    ]
    show = TrainingLines()
    assert [text for line in printed if (text := show(line))] == [
        "Channel train: 80 images of 2 classes.",
        "Epoch 1 of 1:   train loss 2.500, accuracy  12.5%   valid loss 1.250, accuracy  50.0%",
        "Best epoch: 1",
        "Average loss: 1.25",
        "Rules: 1 of 22 found issues.",
    ]


def test_a_trial_is_told_without_its_seconds() -> None:
    line = "[1/2] trial-002 Completed: Average loss 1.0556, 42 s; best 1.0556 (trial-002); batch_size=24"
    assert trial_line(line) == line.replace(", 42 s", "")
    assert trial_line("trial  state") == ""


def test_of_a_dry_run_only_what_it_would_create_is_shown() -> None:
    assert creates_line("Creates: IAM role x. no charge") != ""
    assert creates_line('{"operation": "CreateRole"}') == ""
