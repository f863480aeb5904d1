"""Images to train and test on."""
