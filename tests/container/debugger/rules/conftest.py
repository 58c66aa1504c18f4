import os

# Read when smdebug is imported and when a trial is opened: no line per parameter, no second of waiting per trial.
os.environ["SMDEBUG_LOG_LEVEL"] = "error"
os.environ["SMDEBUG_TRAINING_END_DELAY_REFRESH"] = "0"
