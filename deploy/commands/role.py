"""Create the IAM role that SageMaker takes on, with a policy that allows what this project's jobs need and no more."""

import argparse
import json

from deploy import names
from deploy.announce import announce
from deploy.context import Context
from deploy.policy import deployer_policy, execution_policy, trust_policy

HELP = "create the execution role and its policy"
EXAMPLES = """examples:
  python -m deploy role --dry-run
  python -m deploy role --deployer-policy > policy.json   # for whoever manages your account"""
POLICY_NAME = "sagemaker-execution"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--deployer-policy",
        action="store_true",
        help="print the IAM policy that you yourself need for these commands, and create nothing",
    )


def run(context: Context) -> None:
    aws, name = context.aws, names.role_name(context.project)
    if context.options.deployer_policy:
        print(json.dumps(deployer_policy(context.project, context.bucket, aws.region, aws.account), indent=2))
        return
    if context.settings.role_arn:
        print(f"The setting role_arn names {context.settings.role_arn}; nothing is created.")
        return
    announce(f"IAM role {name} with an inline policy", "no charge")
    if not aws.exists("iam", "GetRole", RoleName=name):
        aws.change(
            "iam",
            "CreateRole",
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(trust_policy()),
            Description=f"SageMaker jobs and endpoints of {context.project}",
            Tags=context.tags,
        )
    # Always, so that a policy that has changed with the project is brought up to date.
    aws.change(
        "iam",
        "PutRolePolicy",
        RoleName=name,
        PolicyName=POLICY_NAME,
        PolicyDocument=json.dumps(execution_policy(context.project, context.bucket, context.aws.region, aws.account)),
    )
    context.state.put(role_arn=context.role_arn)
    if not aws.dry_run:
        print(f"Role: {context.role_arn}\nNext: python -m deploy upload FOLDER")
