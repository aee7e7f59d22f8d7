"""Encryption of access tokens at rest, with keys that can be rotated."""

from collections.abc import Sequence
from typing import Annotated

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import AfterValidator, SecretStr

from shared.errors import PermanentError
from shared.settings import Secrets


def _usable(keys: list[SecretStr]) -> list[SecretStr]:
    for key in keys:
        try:
            Fernet(key.get_secret_value())
        except ValueError:
            raise ValueError("holds a key that is not 32 bytes in URL-safe base64") from None
    return keys


EncryptionKeys = Annotated[Secrets, AfterValidator(_usable)]
"""Keys of a `TokenCipher`, comma-separated in the environment."""


class Undecryptable(PermanentError):
    """None of the configured keys decrypts it."""


class TokenCipher:
    """Encrypts with the first key and decrypts with any (cryptography's MultiFernet).

    Args:
        keys: URL-safe base64 of 32 bytes, the newest first. Keep older keys while anything is encrypted with them.
    """

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._fernet = MultiFernet([Fernet(key.get_secret_value()) for key in keys])

    def encrypt(self, token: str) -> str:
        """Return the ciphertext of `token` as text, safe to store and to pass on."""
        return self._fernet.encrypt(token.encode()).decode()

    def decrypt(self, ciphertext: str) -> SecretStr:
        """Return the token that `ciphertext` encrypts.

        Raises:
            Undecryptable: the keys have changed. Connect the account again, or add the old key.
        """
        try:
            return SecretStr(self._fernet.decrypt(ciphertext.encode()).decode())
        except (InvalidToken, ValueError) as error:  # ValueError: neither the ciphertext nor the token need be text
            raise Undecryptable("no configured encryption key decrypts this token") from error
