"""The script that the training toolkit runs. Hyperparameters come from hyperparameters.json, not from its arguments."""

import gc
import sys

gc.disable()  # what is imported stays; looking for garbage among it is a seventh of the 6 s that the imports take
from container.training.run import main  # noqa: E402

gc.freeze()
gc.enable()

if __name__ == "__main__":
    sys.exit(main())
