"""The script that the training toolkit runs. Hyperparameters come from hyperparameters.json, not from its arguments."""

import sys

from container.training.run import main

if __name__ == "__main__":
    sys.exit(main())
