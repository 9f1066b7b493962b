"""What can go wrong between the board and its user."""


class BoardError(Exception):
    """Base of the board's own errors; never raised itself."""


class UartInputError(BoardError):
    """A frame for the receive line cannot be accepted: no room, in the past, or before the end of another."""


class ImageError(BoardError):
    """A firmware file cannot be read as an image for the ATmega328P."""
