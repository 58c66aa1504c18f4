from collections.abc import Callable

import pytest

from tests.aws.commands.test_role import requests
from tests.aws.conftest import Result

Deploy = Callable[..., Result]


def test_aws_own_rules_run_beside_the_job_on_request(deploy: Deploy) -> None:
    pytest.importorskip("sagemaker.core.image_uris")
    result = deploy("train", "--dry-run", "--debugger-rules", "aws")
    (request,) = requests(result.out)
    first = request["parameters"]["DebugRuleConfigurations"][0]
    assert first["RuleEvaluatorImage"] == "503895931360.dkr.ecr.us-east-1.amazonaws.com/sagemaker-debugger-rules:latest"
    assert first["RuleParameters"] == {"rule_to_invoke": "LossNotDecreasing"}


def test_this_projects_rules_are_uploaded_as_files_of_their_own(deploy: Deploy) -> None:
    result = deploy("train", "--dry-run", "--debugger-rules", "own", "--set", "region=us-west-2")
    *uploads, job = requests(result.out)
    rules = job["parameters"]["DebugRuleConfigurations"]
    assert {rule["RuleParameters"]["source_s3_uri"].rpartition("/")[2] for rule in rules} == {
        upload["parameters"]["Key"].rpartition("/")[2] for upload in uploads
    }
    assert all(rule["RuleParameters"]["rule_to_invoke"] in rule["RuleConfigurationName"] for rule in rules)


def test_custom_rules_in_a_region_whose_image_is_not_known_are_refused(deploy: Deploy) -> None:
    refused = deploy("train", "--dry-run", "--debugger-rules", "own")
    assert (refused.status, "in us-east-1 is not known" in refused.err) == (1, True)
