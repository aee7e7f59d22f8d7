"""Encryption of access tokens at rest, with keys that can be rotated."""

import hmac
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
        self._newest = Fernet(keys[0].get_secret_value())
        self._fernet = MultiFernet([Fernet(key.get_secret_value()) for key in keys])

        self.key_id = hmac.digest(keys[0].get_secret_value().encode(), b"key id", "sha256").hex()[:16]
        """Identifies the newest key, without telling anything about it."""

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

    def is_current(self, ciphertext: str) -> bool:
        """Return whether the newest key decrypts it, so that no older one is needed."""
        try:
            self._newest.decrypt(ciphertext.encode())
        except InvalidToken:
            return False
        return True

    def rotate(self, ciphertext: str) -> str:
        """Return a ciphertext of the same token with the newest key.

        Raises:
            Undecryptable: none of the keys decrypts it.
        """
        try:
            return self._fernet.rotate(ciphertext.encode()).decode()
        except InvalidToken as error:
            raise Undecryptable("no configured encryption key decrypts this token") from error
