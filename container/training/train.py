"""The script that the training toolkit runs. Hyperparameters come from hyperparameters.json, not from its arguments."""

import sys

from container.training.lazy_dynamo import put_off_dynamo

if __name__ == "__main__":
    put_off_dynamo()
    from container.training.run import main  # imports torchvision

    sys.exit(main())
