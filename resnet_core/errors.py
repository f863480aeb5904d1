"""What do we say when the thing that a person gave us cannot be used?"""


class InputError(ValueError):
    """The person's input is at fault; `str(error)` is one sentence that says what is wrong and what to do.

    The command line prints it and exits with code 2, a page shows it in place. Anything else that escapes is our bug.
    """
